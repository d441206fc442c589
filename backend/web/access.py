"""Asks of every request who it comes from and whether they may, before anything answers it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.metrics import Metrics
from backend.api.rights import Needs, Open, RouteRights
from backend.errors import ForbiddenError, NobodyError, RefusedError
from backend.logs import logged_from_here
from backend.people.caller import Caller
from backend.people.callers import Callers
from backend.people.roles import NEEDED
from backend.storage.audience import TEAM, reading_for
from backend.web.problems import refusal as refusal_of


class AccessMiddleware:
    """Plain ASGI middleware: sets ``scope["state"]["caller"]``, None where nobody is signed in."""

    def __init__(
        self, app: ASGIApp, rights: RouteRights, callers: Callers, metrics: Metrics
    ) -> None:
        self.app = app
        self._metrics = metrics
        self._rights = rights
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = self._rights.find(scope["method"], scope["path"])
        if asked.route:
            send = self._metrics.timed(asked.route, scope["method"], send)
        address = (scope.get("client") or ("",))[0]
        # Set by what stands before it where a trusted proxy asked (backend/web/proxies.py).
        trusted = scope.get("state", {}).get("proxy") is not None
        caller = await self._callers.of(Headers(scope=scope), address, trusted=trusted)
        refused = refusal(asked.needs, caller)
        if refused is not None:
            await refusal_of(refused)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        if caller is not None and caller.person is not None:
            logged_from_here(person=caller.person)
        with reading_for(TEAM if caller is None else caller.audience):
            await self.app(scope, receive, send)


def refusal(needed: Needs | Open | None, caller: Caller | None) -> RefusedError | None:
    """Why the caller may not, or None."""
    if isinstance(needed, Open):
        return None
    if needed is None:
        return ForbiddenError("this route says nothing of who may use it, so nobody may")
    if caller is None:
        return NobodyError("sign in first, or send an access token that holds")
    if caller.way == "share" and not needed.shared:
        return ForbiddenError("a share link shows what it was made for and nothing else")
    if caller.way == "token" and needed.account:
        return ForbiddenError("an access token changes no account: sign in on the page for this")
    if needed.right in caller.rights:
        return None
    if caller.way == "token" and needed.right != "read":
        return ForbiddenError(
            f"this needs the scope {needed.right!r}, which the token does not have, or the role "
            f"of its owner does not give it"
        )
    return ForbiddenError(f"this needs the role {NEEDED[needed.right]}; yours is {caller.role}")
