"""Keeps other web sites, and bodies that are too large, out.

Requests must name this server (:mod:`backend.web.site`), and requests that change something must
come from its own pages.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.schemas.problem import Problem
from backend.web.headers import SECURITY
from backend.web.problems import answer, problem
from backend.web.request_checks import refusal, stated_length
from backend.web.site import Site

# A spec is a few kilobytes, notes are a few more; files are taken in by these paths alone.
MAX_BODY = 2_000_000
_UPLOADS = ("/api/experiments/import",)
# Bodies are held in memory until they are whole; all that are on their way come to this many bytes
# beside one upload.
MAX_BODIES = 100_000_000


class SecurityMiddleware:
    """Plain ASGI middleware: checks ``Host``, ``Origin`` and size, adds security headers."""

    def __init__(self, app: ASGIApp, site: Site, max_upload: int) -> None:
        self.app = app
        self._site = site
        self._max_upload = max_upload
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = self._max_upload if scope["path"] in _UPLOADS else MAX_BODY
        # Nobody needs parts of files, and Starlette answers wrong ranges in words of its own.
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range"]
        if _is_head_of_api(scope):
            # FastAPI gives its routes no HEAD; the server's protocol leaves the body out.
            scope = {**scope, "method": "GET"}
        refused = refusal(scope, headers, self._site) or _too_large(headers, most)
        if refused is not None:
            await answer(refused)(scope, receive, send)
            return

        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            message = await receive()
            size = len(message.get("body", b""))
            taken, self._held = taken + size, self._held + size
            if taken > most:  # the length was not said, or not truly
                raise HTTPException(413, _size_problem(most).detail)
            if self._held > self._max_upload + MAX_BODIES:
                raise HTTPException(503, "too much is being sent at once, try again")
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                outgoing = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    outgoing.setdefault(name, value)
                if "accept-ranges" in outgoing:
                    outgoing["accept-ranges"] = "none"
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        finally:
            self._held -= taken


def _is_head_of_api(scope: Scope) -> bool:
    """Whether only the headers are wanted of what has an end; the feed of changes has none."""
    path: str = scope["path"]
    ours = path.startswith("/api/") or path == "/metrics"
    return scope["method"] == "HEAD" and ours and path != "/api/changes"


def _too_large(headers: Headers, most: int) -> Problem | None:
    length = stated_length(headers)
    return _size_problem(most) if length is not None and length > most else None


def _size_problem(most: int) -> Problem:
    said = "" if most == MAX_BODY else " (LORAONE_MAX_UPLOAD_MB)"
    return problem(413, f"the request is too large; allowed: up to {most / 1e6:g} MB{said}")
