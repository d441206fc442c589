"""What of an answer a client can unpack, and whether it has it already."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable

from fastapi import Request, Response

# Above zero; no weight is 1.
_WEIGHT = re.compile(r"(q=(1(\.0*)?|0\.\d*[1-9]\d*))?")


class Constant:
    """A document that is the same as long as the server runs: made at its first request, packed
    once, and not sent again to whoever has it."""

    def __init__(self, made: Callable[[], bytes], media_type: str = "application/json") -> None:
        self._made = made
        self._media_type = media_type
        self._bodies: dict[str, bytes] = {}

    def answer(self, request: Request) -> Response:
        """The document, or 304."""
        if not self._bodies:
            plain = self._made()
            self._bodies = {"identity": plain, "gzip": gzip.compress(plain, 9, mtime=0)}
        encoding = preferred(request.headers.get("accept-encoding", ""), ("gzip",))
        body = self._bodies[encoding]
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        if has(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return Response(body, headers=headers, media_type=self._media_type)


def preferred(accept_encoding: str, offered: tuple[str, ...]) -> str:
    """The first of ``offered`` that an ``Accept-Encoding`` takes, else ``identity``."""
    taken = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameters = part.partition(";")
        taken[name.strip()] = _WEIGHT.fullmatch(parameters.replace(" ", "")) is not None
    return next((name for name in offered if taken.get(name, taken.get("*", False))), "identity")


def has(if_none_match: str, etag: str) -> bool:
    """Whether a client that sends this ``If-None-Match`` has what ``etag`` names."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or known == ["*"]
