"""Answers that are kept while what they depend on stands, and computed once for all who wait.

Never an old one: its numbers (:mod:`backend.storage.versions`) are read when a request comes. An
answer is given from the store only while they are those that stood before it was computed, and a
request waits for no computation that began before it came, unless the numbers are still the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.kept import Kept, KeptRoutes
from backend.api.representations import has, preferred
from backend.storage.database import Database
from backend.storage.versions import Topics

# Computations at a time: more would only take turns, and hold up everything else.
AT_ONCE = 2
# While runs write, computations take turns, each followed by a rest as long as it was, at most so
# long: they are Python as much as what stores the runs, which must go on. All who ask in the
# meantime are answered together by the next one. Nobody waits longer for a turn than TURN_S.
REST_S, TURN_S, WRITTEN_S = 0.25, 1.0, 1.0
# An answer that takes more than this share of the store would drive all others out.
LARGEST = 1 / 8
# The time stands in bytes 4 to 8 of what gzip writes: it would make every packing another one.
_GZIP, _NO_TIME = b"\x1f\x8b\x08", bytes(4)

Key = tuple[str, bytes, bool]


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


@dataclass
class _Flight:
    """One computation, and the numbers before it; None until it begins, or where not known."""

    number: int
    task: asyncio.Task[Answer] = field(init=False)
    begun: bool = False
    numbers: object = None


class _Flights:
    """The computations of one event loop."""

    def __init__(self) -> None:
        self.going: dict[Key, _Flight] = {}
        self.count = 0
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.turn = asyncio.Lock()


class AnswersMiddleware:
    """Plain ASGI middleware around all that computes an answer, packing included."""

    def __init__(self, app: ASGIApp, routes: KeptRoutes, database: Database, most: int) -> None:
        self.app = app
        self.store = Store(most)
        self._routes = routes
        self._database = database
        self._flights: WeakKeyDictionary[Any, _Flights] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "GET":
            found = self._routes.find(scope["path"])
        if found is None:
            await self.app(scope, receive, send)
            return
        row, inside = found
        query = QueryParams(scope["query_string"])
        if row.unless(query):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = await self._answer(scope, row, row.on(inside, query), headers)
        await answer.send(send, headers.get("if-none-match", ""))

    async def _answer(self, scope: Scope, row: Kept, topics: Topics, headers: Headers) -> Answer:
        packed = preferred(headers.get("accept-encoding", ""), ("gzip",)) == "gzip"
        key = scope["path"], scope["query_string"], packed
        flights = self._flights.setdefault(asyncio.get_running_loop(), _Flights())
        came = flights.count
        while True:
            numbers = await self._numbers(topics)
            if numbers is not None and (answer := self.store.get(key, numbers)) is not None:
                return answer
            flight = flights.going.get(key)
            if flight is None:
                flight = self._start(flights, key, row, topics, _alone(scope, packed))
            elif flight.begun and flight.number <= came and _other(flight.numbers, numbers):
                await asyncio.wait([flight.task])  # it may have read what was there before
                continue
            # Whoever goes away does not take the computation along: others may wait for it.
            return await asyncio.shield(flight.task)

    async def _numbers(self, topics: Topics) -> object:
        """None where the database does not answer, or is not the one that was read: the route
        itself says so."""
        with suppress(DBAPIError):
            self._database.check_file()
            if self._database.shared:
                return await run_in_threadpool(self._database.versions.of, topics)
            return self._database.versions.of(topics)
        return None

    def _start(
        self, flights: _Flights, key: Key, row: Kept, topics: Topics, scope: Scope
    ) -> _Flight:
        flights.count += 1
        flight = flights.going[key] = _Flight(flights.count)

        async def compute() -> Answer:
            try:
                async with self._place(flights):
                    until = time.monotonic() + (row.seconds or float("inf"))
                    numbers = flight.numbers = await self._numbers(topics)
                    flight.begun = True
                    answer = await _collected(self.app, scope)
                if answer.etag is not None and numbers is not None:
                    self.store.put(key, numbers, until, answer)
                return answer
            finally:
                del flights.going[key]

        flight.task = asyncio.create_task(compute())
        flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return flight

    @asynccontextmanager
    async def _place(self, flights: _Flights) -> AsyncIterator[None]:
        """One of the places for computations; given back after a rest while runs write."""
        loop = asyncio.get_running_loop()
        turn = False
        if self._writing:
            with suppress(TimeoutError):
                turn = await asyncio.wait_for(flights.turn.acquire(), TURN_S)
        await flights.slots.acquire()
        began = loop.time()
        try:
            yield
        finally:
            rest = min(loop.time() - began, REST_S) if self._writing else 0.0
            loop.call_later(rest, flights.slots.release)
            if turn:
                loop.call_later(rest, flights.turn.release)

    @property
    def _writing(self) -> bool:
        return time.monotonic() - self._database.versions.written < WRITTEN_S


def _other(before: object, now: object) -> bool:
    """Whether something may have been written; it is not known where a number is not."""
    return now is None or before != now


def _alone(scope: Scope, packed: bool) -> Scope:
    """The request without what an answer must not depend on."""
    wanted = [(name, value) for name, value in scope["headers"] if name == b"host"]
    encoding = [(b"accept-encoding", b"gzip")] if packed else []
    return {**scope, "headers": [*wanted, *encoding], "extensions": {}}


async def _collected(app: Callable[..., Awaitable[None]], scope: Scope) -> Answer:
    start: Message = {}
    parts: list[bytes] = []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # nobody goes away
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return tagged(start["status"], list(start["headers"]), b"".join(parts))
