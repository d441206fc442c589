"""One computation for all who ask at the same time, and never one that began before a change."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.api.kept import KeptRoutes
from backend.storage.database import Database
from backend.storage.tables import Experiment
from backend.web.answer_store import Answer, Store, tagged
from backend.web.answers import AnswersMiddleware
from tests.backend.web.test_kept_routes import READING, SPEC, URL


def test_what_is_kept_stays_below_its_bound_and_what_was_read_last_stays_longest() -> None:
    store = Store(100_000)
    answer = tagged(200, [], bytes(9_000))
    for number in range(50):
        store.put((f"/{number}", b"", False), 1, float("inf"), answer)
        assert store.get(("/0", b"", False), 1) is answer
        assert store.size <= 100_000
    assert store.get(("/1", b"", False), 1) is None
    assert store.get(("/49", b"", False), 2) is None, "of another state"
    store.put(("/large", b"", False), 1, float("inf"), tagged(200, [], bytes(50_000)))
    assert store.get(("/large", b"", False), 1) is None
    store.put(("/old", b"", False), 1, 0.0, answer)
    assert store.get(("/old", b"", False), 1) is None, "its time is over"


class Counted:
    """An application that computes for a while, and counts how often; it may fail."""

    def __init__(self, database: Database, error: Exception | None = None) -> None:
        self.computed = 0
        self.intervals: list[tuple[float, float]] = []
        self._database = database
        self._error = error

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.computed += 1
        began = time.monotonic()
        with self._database.read() as session:
            experiment = session.get(Experiment, 1)
        await asyncio.sleep(0.05)
        self.intervals.append((began, time.monotonic()))
        if self._error is not None:
            raise self._error
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        body = experiment.name.encode() if experiment else b"none"
        await send({"type": "http.response.body", "body": body})


async def _ask(middleware: AnswersMiddleware, key: int = 1) -> bytes:
    path = f"/api/experiments/{key}"
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("a question has no body")

    await middleware(scope, receive, send)
    body: bytes = sent[1]["body"]
    return body


def _with(app: FastAPI, error: Exception | None = None) -> tuple[AnswersMiddleware, Counted]:
    counted = Counted(app.state.database, error)
    made = AnswersMiddleware(counted, KeptRoutes("/api", READING), app.state.database, 10**6)
    return made, counted


def _run(what: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        await what()

    asyncio.run(all_of_it())


def test_all_who_ask_at_the_same_time_are_given_one_computation(app: FastAPI) -> None:
    middleware, counted = _with(app)

    async def ask() -> None:
        assert await asyncio.gather(*(_ask(middleware) for _ in range(20))) == [b"none"] * 20
        assert counted.computed == 1

    _run(ask)


def test_a_computation_that_fails_fails_for_all_who_wait_and_not_for_those_after(
    app: FastAPI,
) -> None:
    middleware, counted = _with(app, OSError("the disk"))

    async def ask() -> None:
        told = await asyncio.gather(*(_ask(middleware) for _ in range(5)), return_exceptions=True)
        assert [str(error) for error in told] == ["the disk"] * 5
        assert counted.computed == 1
        with pytest.raises(OSError, match="the disk"):
            await _ask(middleware)
        assert counted.computed == 2

    _run(ask)


def test_who_goes_away_takes_nobody_along(app: FastAPI) -> None:
    middleware, counted = _with(app)

    async def ask() -> None:
        first = asyncio.create_task(_ask(middleware))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(_ask(middleware))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == b"none"
        assert counted.computed == 1

    _run(ask)


def test_who_asks_after_a_change_is_not_given_what_was_begun_before_it(app: FastAPI) -> None:
    middleware, counted = _with(app)

    async def ask() -> None:
        early = asyncio.create_task(_ask(middleware))
        await asyncio.sleep(0.02)  # it has read already
        client = TestClient(app, base_url=URL)
        client.post("/api/experiments", json={**SPEC, "name": "New"}).raise_for_status()
        late = [asyncio.create_task(_ask(middleware)) for _ in range(5)]
        assert await early == b"none"
        assert [await one for one in late] == [b"New"] * 5
        assert counted.computed == 2, "one for all who came after"

    _run(ask)


def test_an_answer_knows_its_own_tag_alone() -> None:
    answer = tagged(200, [(b"content-type", b"text/plain")], b"a")
    assert isinstance(answer, Answer) and answer.etag != tagged(200, [], b"b").etag
    assert tagged(404, [], b"a").etag is None
    stamped = [tagged(200, [], b"\x1f\x8b\x08\x00" + time + b"rest") for time in (b"1234", b"5678")]
    assert stamped[0] == stamped[1], "when it was packed says nothing of what is in it"


@pytest.mark.sqlite
def test_what_is_asked_while_a_write_is_committed_is_kept_too(app: FastAPI) -> None:
    middleware, counted = _with(app)
    database: Database = app.state.database
    held, over = threading.Event(), threading.Event()

    def commit() -> None:
        with database._writing:  # as between the end of a write and its number
            held.set()
            over.wait()

    async def ask() -> None:
        thread = threading.Thread(target=commit)
        thread.start()
        held.wait()
        assert database.versions.of(None) is None
        asyncio.get_running_loop().call_later(0.005, over.set)
        assert await _ask(middleware) == b"none"
        thread.join()
        assert await _ask(middleware) == b"none"
        assert counted.computed == 1

    _run(ask)
