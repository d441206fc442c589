"""Answers that are kept while what they depend on stands, and computed once for all who wait.

Never an old one: its numbers (:mod:`backend.storage.versions`) are read when a request comes. An
answer is given from the store only while they are those that stood before it was computed, and a
request waits for no computation that began before it came, unless the numbers are still the same.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.kept import Kept, KeptRoutes
from backend.api.process_state import ProcessState, hand
from backend.api.representations import preferred
from backend.errors import UnavailableError
from backend.storage.audience import audience
from backend.storage.database import Database
from backend.storage.versions import Topics
from backend.web import problems
from backend.web.answer_store import Answer, Key, Store, tagged
from backend.web.exchange import Reply, collected
from backend.web.readers import Begin, Readers
from backend.web.suspects import Suspects

# Computations of each kind at a time in this process: more would only take turns, and hold up
# everything else.
AT_ONCE = 2


@dataclass
class _Flight:
    """One computation, when it began, and the numbers before it, where they are known."""

    number: int
    task: asyncio.Task[Answer] = field(init=False)
    began: float | None = None
    numbers: object = None


class _Flights:
    """The computations of one event loop."""

    def __init__(self) -> None:
        self.going: dict[Key, _Flight] = {}
        self.count = 0
        # Places for computations in this process, by whether they are slow.
        self.places = {slow: asyncio.Semaphore(AT_ONCE) for slow in (False, True)}


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
        self._suspects = None if readers is None else Suspects(readers)
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
        seen_by = audience().name + (f" me {audience().me}" if row.personal(query) else "")
        try:
            answer = await self._answer(scope, row, row.on(inside, query), headers, seen_by)
        except UnavailableError as error:
            await problems.refusal(error)(scope, receive, send)
        except (DBAPIError, PoolTimeoutError):  # the route itself says what is wrong
            await self.app(scope, receive, send)
        else:
            await answer.send(send, headers.get("if-none-match", ""))

    async def _answer(
        self, scope: Scope, row: Kept, topics: Topics, headers: Headers, seen_by: str
    ) -> Answer:
        packed = preferred(headers.get("accept-encoding", ""), ("gzip",)) == "gzip"
        key = scope["path"], scope["query_string"], seen_by, packed
        loop = asyncio.get_running_loop()
        if (flights := self._flights.get(loop)) is None:
            flights = self._flights[loop] = _Flights()
        came = flights.count
        while True:
            numbers = await self._numbers(topics)
            if numbers is not None and (answer := self.store.get(key, numbers)) is not None:
                return answer
            flight = flights.going.get(key)
            if flight is None:
                flight = self._start(flights, key, row, topics, _alone(scope, packed))
            elif flight.began and flight.number <= came and _other(flight.numbers, numbers):
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
        flight = flights.going[key] = _Flight(flights.count)

        async def begin() -> None:
            flight.numbers = await self._numbers(topics)
            flight.began = time.monotonic()
            if row.process:
                state = await run_in_threadpool(ProcessState.of, scope["app"].state)
                hand(scope, state.model_dump_json())

        async def compute() -> Answer:
            try:
                answer = tagged(*await self._computed(flights, scope, begin, slow=row.slow))
                if answer.etag is not None and flight.numbers is not None:
                    assert flight.began is not None
                    until = flight.began + (row.seconds or float("inf"))
                    self.store.put(key, flight.numbers, until, answer)
                return answer
            finally:
                del flights.going[key]

        flight.task = asyncio.create_task(compute())
        flight.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return flight

    async def _computed(
        self, flights: _Flights, scope: Scope, begin: Begin, *, slow: bool
    ) -> Reply:
        """By a reader, or here where there is none."""
        if self._suspects is not None:
            reply = await self._suspects.ask(scope, slow, begin)
            if reply is not None:
                return reply
        async with flights.places[slow]:
            await begin()
            return await collected(self.app, scope)


def _other(before: object, now: object) -> bool:
    """Whether something may have been written; it is not known where a number is not."""
    return now is None or before != now


def _alone(scope: Scope, packed: bool) -> Scope:
    """The request without what an answer must not depend on."""
    wanted = [(name, value) for name, value in scope["headers"] if name == b"host"]
    encoding = [(b"accept-encoding", b"gzip")] if packed else []
    return {**scope, "headers": [*wanted, *encoding], "extensions": {}}
