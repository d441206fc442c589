"""Answers as they are sent, with their tags, and a store for them of a bounded size."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import Send

from backend.api.representations import has

# An answer that takes more than this share of the store would drive all others out.
LARGEST = 1 / 8
# The time stands in bytes 4 to 8 of what gzip writes: it would make every packing another one.
_GZIP, _NO_TIME = b"\x1f\x8b\x08", bytes(4)

Key = tuple[str, bytes, str, bool]


@dataclass(frozen=True)
class Answer:
    """Status, headers and body, as they are sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    etag: bytes | None = None

    async def send(self, send: Send, asked: str) -> None:
        """The answer; 304 where its tag is one of those that were ``asked``."""
        if self.etag is not None and has(asked, self.etag.decode()):
            kept = (b"etag", b"cache-control", b"vary")
            headers = [row for row in self.headers if row[0] in kept]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def tagged(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Answer:
    """An answer with its ETag, a digest of what is sent; an error has none."""
    if status != 200:
        return Answer(status, headers, body)
    if body.startswith(_GZIP):
        body = body[:4] + _NO_TIME + body[8:]
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    plain = [row for row in headers if row[0] not in (b"etag", b"cache-control", b"vary")]
    extra = [
        (b"etag", etag),
        (b"cache-control", b"private, no-cache"),
        (b"vary", b"Accept-Encoding"),
    ]
    return Answer(status, [*plain, *extra], body, etag)


class Store:
    """Answers by what was asked, of a bounded size; those that were given last stay longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._rows: OrderedDict[Key, tuple[object, float, Answer]] = OrderedDict()
        self.size = 0

    def get(self, key: Key, numbers: object) -> Answer | None:
        """What was put there at the same numbers, if its time is not over."""
        with self._lock:
            row = self._rows.get(key)
            if row is None or row[0] != numbers or row[1] < time.monotonic():
                return None
            self._rows.move_to_end(key)
            return row[2]

    def put(self, key: Key, numbers: object, until: float, answer: Answer) -> None:
        """Keep it in the place of an older one."""
        with self._lock:
            self._drop(key)
            size = self._size(key, answer)
            if size > LARGEST * self._most:
                return
            self._rows[key] = numbers, until, answer
            self.size += size
            while self.size > self._most:
                self._drop(next(iter(self._rows)))

    def _drop(self, key: Key) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self.size -= self._size(key, row[2])

    @staticmethod
    def _size(key: Key, answer: Answer) -> int:
        return len(answer.body) + len(key[0]) + len(key[1]) + 1000
