"""Gives every request an id, which its answer carries and the log has; the outermost layer.

With ``LORAONE_LOG_FORMAT=json`` each request is a line of the log: without the address's query,
which may hold a code to sign in with.
"""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.logs import JsonLines, LogFormat, logged_from_here
from backend.web.log_rate import LogRate

HEADER = "x-request-id"
# Enough for whatever proxies make, and nothing that a log or a page would read as its own.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_MOST_PATH = 200
# Lines of requests that are written a minute; more are counted.
LINES = 3000

log = logging.getLogger("loraone.access")


class Requests:
    """Around the whole application, as errors that it did not expect are answered there too."""

    def __init__(self, app: ASGIApp, form: LogFormat) -> None:
        self.app = app
        self._told = form == "json"
        if self._told:
            handler = logging.StreamHandler()
            handler.setFormatter(JsonLines())
            handler.addFilter(LogRate(lines=LINES))
            log.handlers = [handler]
            log.setLevel(logging.INFO)
            log.propagate = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        key = request_id(scope)
        path = str(scope["path"])[:_MOST_PATH]
        logged_from_here(request_id=key, method=scope["method"], path=path)
        status = 500  # as of an answer that was never begun

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = key
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            if self._told:
                about = {"status": status, "duration": round(time.perf_counter() - began, 4)}
                log.info("%s %s: %d", scope["method"], path, status, extra=about)


def request_id(scope: Scope) -> str:
    """The one that was sent, where it is well-formed and one; otherwise a new one."""
    sent = [value for name, value in scope["headers"] if name == HEADER.encode()]
    if len(sent) == 1 and _WELL_FORMED.fullmatch(sent[0]):
        return str(sent[0].decode())
    return secrets.token_hex(16)
