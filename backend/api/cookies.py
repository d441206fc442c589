"""A session's cookie, as browsers are told to keep it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response

from backend.api.deps import CallersDep, SettingsDep


class SessionCookie:
    """Gives it with a response, and takes it away. No script reads it, no other site's form sends
    it along, and behind TLS it never travels without."""

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
        self._set(secret, int(self._settings.session_hours * 3600), response or self._response)

    def take_away(self) -> None:
        """It is signed in no more."""
        self._set("", 0, self._response)

    def _set(self, value: str, seconds: int, response: Response) -> None:
        response.set_cookie(
            self._name,
            value,
            max_age=seconds,
            path=self._settings.root_path or "/",
            secure=self._settings.behind_tls,
            httponly=True,
            samesite="lax",
        )


SessionCookieDep = Annotated[SessionCookie, Depends(SessionCookie)]
