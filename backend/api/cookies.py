"""The cookies that browsers are told to keep: a session's, and one for the way to an identity
provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response

from backend.api.deps import CallersDep, SettingsDep
from backend.people.callers import cookie_of
from backend.settings import Settings

# How long the way there and back may take.
_FLOW_S = 600


class SessionCookie:
    """Gives it with a response, and takes it away."""

    def __init__(
        self, request: Request, response: Response, settings: SettingsDep, callers: CallersDep
    ) -> None:
        self._request, self._response = request, response
        self._settings = settings
        self._name = callers.cookie(request.headers.get("host", ""))

    @property
    def address(self) -> str:
        """Where the browser is."""
        return (self._request.scope.get("client") or ("",))[0]

    @property
    def browser(self) -> str:
        """What it says of itself."""
        return self._request.headers.get("user-agent", "")

    def give(self, secret: str, response: Response | None = None) -> None:
        """The browser is signed in; by ``response`` where the route answers with one of its own."""
        seconds = int(self._settings.session_hours * 3600)
        _set(response or self._response, self._settings, self._name, secret, seconds)

    def take_away(self) -> None:
        """It is signed in no more."""
        _set(self._response, self._settings, self._name, "", 0)


class FlowCookie:
    """What a browser brings back from the identity provider; no other server on its host, on
    another port or under another path, is sent it or takes it away."""

    def __init__(self, request: Request, settings: SettingsDep, callers: CallersDep) -> None:
        self._headers = request.headers
        self._settings = settings
        self._name = callers.cookie(request.headers.get("host", ""), "loraone_flow")

    @property
    def value(self) -> str:
        """What it brought; empty where that is nothing."""
        return cookie_of(self._headers, self._name)

    def give(self, value: str, response: Response) -> None:
        """It goes there."""
        _set(response, self._settings, self._name, value, _FLOW_S)

    def take_away(self, response: Response) -> None:
        """It is back."""
        _set(response, self._settings, self._name, "", 0)


def _set(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    """No script reads it, no other site's form sends it along, and behind TLS it never travels
    without."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=settings.root_path or "/",
        secure=settings.behind_tls,
        httponly=True,
        samesite="lax",
    )


SessionCookieDep = Annotated[SessionCookie, Depends(SessionCookie)]
FlowCookieDep = Annotated[FlowCookie, Depends(FlowCookie)]
