"""Answers that are kept while what they depend on stands, and computed once for all who wait.

Never an old one: its numbers (:mod:`backend.storage.versions`) are read when a request comes. An
answer is given from the store only while they are those that stood before it was computed, and a
request waits for no computation that began before it came, unless the numbers are still the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.kept import Kept, KeptRoutes
from backend.api.representations import preferred
from backend.errors import UnavailableError
from backend.storage.database import Database
from backend.storage.versions import Topics
from backend.web import problems
from backend.web.answer_store import Answer, Key, Store, tagged
from backend.web.exchange import Reply, collected
from backend.web.readers import Readers

# Computations at a time in this process: more would only take turns, and hold up everything else.
AT_ONCE = 2
# While runs write, they take turns, each followed by a rest as long as it was, at most so long:
# they are Python as much as what stores the runs, which must go on. All who ask in the
# meantime are answered together by the next one. Nobody waits longer for a turn than TURN_S.
REST_S, TURN_S, WRITTEN_S = 0.25, 1.0, 1.0


@dataclass
class _Flight:
    """One computation, and the numbers before it; None until it begins, or where not known."""

    number: int
    key: Key
    row: Kept
    topics: Topics
    task: asyncio.Task[Answer] = field(init=False)
    begun: bool = False
    numbers: object = None


class _Flights:
    """The computations of one event loop."""

    def __init__(self, reading: int) -> None:
        """``reading``: what readers compute at a time."""
        self.going: dict[Key, _Flight] = {}
        self.count = 0
        self.reading = asyncio.Semaphore(reading)
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.turn = asyncio.Lock()


class AnswersMiddleware:
    """Plain ASGI middleware around all that computes an answer, packing included."""

    def __init__(
        self,
        app: ASGIApp,
        routes: KeptRoutes,
        database: Database,
        most: int,
        readers: Readers | None = None,
    ) -> None:
        self.app = app
        self._readers = readers
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
        try:
            answer = await self._answer(scope, row, row.on(inside, query), headers)
        except UnavailableError as error:
            await problems.answer(problems.of_refusal(error))(scope, receive, send)
        except (DBAPIError, PoolTimeoutError):  # the route itself says what is wrong
            await self.app(scope, receive, send)
        else:
            await answer.send(send, headers.get("if-none-match", ""))

    async def _answer(self, scope: Scope, row: Kept, topics: Topics, headers: Headers) -> Answer:
        packed = preferred(headers.get("accept-encoding", ""), ("gzip",)) == "gzip"
        key = scope["path"], scope["query_string"], packed
        loop = asyncio.get_running_loop()
        if (flights := self._flights.get(loop)) is None:
            reading = 0 if self._readers is None else self._readers.at_once
            flights = self._flights[loop] = _Flights(reading)
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
        """None where they are not known now."""
        if not self._database.versions.known:
            return None
        return await self._database.looks.numbers(topics)

    def _start(
        self, flights: _Flights, key: Key, row: Kept, topics: Topics, scope: Scope
    ) -> _Flight:
        flights.count += 1
        flight = flights.going[key] = _Flight(flights.count, key, row, topics)

        async def compute() -> Answer:
            answer = None
            try:
                if self._readers is not None and not row.here:
                    async with flights.reading:
                        answer = await self._computed(flight, self._readers.ask, scope)
                if answer is None:
                    async with self._place(flights):
                        answer = await self._computed(flight, self._here, scope)
                assert answer is not None
                return answer
            finally:
                del flights.going[key]

        flight.task = asyncio.create_task(compute())
        flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return flight

    async def _computed(
        self, flight: _Flight, ask: Callable[[Scope], Awaitable[Reply | None]], scope: Scope
    ) -> Answer | None:
        """The answer, which is kept; None where there is none."""
        until = time.monotonic() + (flight.row.seconds or float("inf"))
        numbers = flight.numbers = await self._numbers(flight.topics)
        flight.begun = True
        reply = await ask(scope)
        if reply is None:
            return None
        answer = tagged(*reply)
        if answer.etag is not None and numbers is not None:
            self.store.put(flight.key, numbers, until, answer)
        return answer

    async def _here(self, scope: Scope) -> Reply:
        return await collected(self.app, scope)

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
