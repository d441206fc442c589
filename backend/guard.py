"""Keeps other web sites out of a server that listens on loopback.

A page of another site can send requests to 127.0.0.1 and, by DNS rebinding, even under a name of
its own. So requests must name a loopback host, and requests that change something must come from
the page itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.problems import ProblemError, answer
from backend.settings import LOOPBACK

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """Plain ASGI middleware: checks ``Host`` and ``Origin``, adds security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)
        if refusal is not None:
            await answer(refusal.problem)(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                outgoing = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    outgoing.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, sending)

    @staticmethod
    def _refusal(method: str, headers: Headers) -> ProblemError | None:
        host = headers.get("host", "")
        if urlsplit(f"//{host}").hostname not in LOOPBACK:
            return ProblemError(
                400, f"host {host!r} is not allowed; allowed: {', '.join(LOOPBACK)}"
            )
        origin = headers.get("origin")
        if method not in _SAFE and origin and urlsplit(origin).netloc != host:
            return ProblemError(403, f"requests from {origin!r} may not change anything here")
        return None
