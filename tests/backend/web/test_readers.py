"""Answers of a process of its own: the same, never older, and the server goes on without it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.types import Receive, Scope, Send

from backend.api.kept import Kept, mark
from backend.api.process_state import ProcessState, hand
from backend.settings import Settings
from backend.storage.database import Database
from backend.web import readers as module
from backend.web.app import create_app
from backend.web.exchange import Reply
from backend.web.reader import reader_app
from backend.web.readers import Readers
from tests.backend.conftest import Process, Start
from tests.backend.web.test_kept_routes import READING, URL, lane, launch, paths, same
from tests.conftest import DatabaseUrl

NAME = "backend.web.reader"


@pytest.fixture
def settings(tmp_path: Path, database_url: DatabaseUrl) -> Settings:
    """Of a folder with two experiments, some of whose runs have measured something."""
    return Settings(home=tmp_path, database_url=database_url(tmp_path), readers=1)


@pytest.fixture
def server(settings: Settings) -> Iterator[tuple[TestClient, Database]]:
    """The server's own process, and its database."""
    app = create_app(settings)
    client = TestClient(app, base_url=URL)
    draw = random.Random(0)
    for _ in range(2):
        launch(draw, client, app.state.database)
    for _ in range(6):
        lane(draw, client, app.state.database)
    yield client, app.state.database
    app.state.database.close()


@pytest.fixture
def readers(settings: Settings, server: Any) -> Iterator[Readers]:
    """One reader of that database."""
    made = Readers(settings)
    yield made
    made.stop()
    assert not processes(psutil.Process())


def processes(parent: psutil.Process) -> list[psutil.Process]:
    """The readers of a server."""
    return [p for p in parent.children() if NAME in " ".join(p.cmdline()) or p.status() == "zombie"]


async def at_once() -> None:
    """Nothing has to be done before a question is sent."""


def scope_of(path: str) -> Scope:
    path, _, query = path.partition("?")
    headers = [(b"host", b"127.0.0.1:8111"), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    return {**scope, "headers": headers}


async def asked(readers: Readers, path: str) -> Reply:
    """What a reader answers, once it is up."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (reply := await readers.ask(scope_of(path), False, at_once)) is not None:
            return reply
        await asyncio.sleep(0.1)
    raise AssertionError("waited in vain")


def _json(reply: Reply) -> Any:
    status, headers, body = reply
    fields = [(name.decode(), value.decode()) for name, value in headers]
    return httpx.Response(status, headers=fields, content=body).json()


def test_a_reader_needs_no_more_than_settings_and_database_and_cannot_write(
    settings: Settings, server: tuple[TestClient, Database]
) -> None:
    client, _ = server
    app = reader_app(settings)
    reading = TestClient(app, base_url=URL)
    with pytest.raises(AttributeError, match="has no attribute"):
        reading.get("/api/queue")
    state = ProcessState.of(client.app.state).model_dump_json()  # type: ignore[attr-defined]

    async def handed(scope: Scope, receive: Receive, send: Send) -> None:
        hand(scope, state)
        await app(scope, receive, send)

    reading = TestClient(handed, base_url=URL)
    for path in paths():
        got, wanted = reading.get(path), client.get(path)
        assert got.status_code in (200, 422), path
        assert same(got) == same(wanted), path
    database: Database = app.state.database
    with (
        pytest.raises(DBAPIError, match=r"read-?only"),
        database.write() as session,
    ):
        session.execute(text("DELETE FROM changes"))
    database.close()


def test_a_reader_answers_the_same_and_sees_at_once_what_was_written(
    server: tuple[TestClient, Database], readers: Readers
) -> None:
    client, _ = server

    async def ask() -> None:
        for path in (
            "/api/experiments?q=E",
            "/api/overview?of=e1",
            "/api/figures/curves?of=e1",
            "/api/experiments/99",  # an error comes back as it is
            "/api/experiments?limit=0",
            "/api/experiments?q=%22a%C3%BC",
        ):
            reply, wanted = await asked(readers, path), client.get(path)
            assert reply[0] == wanted.status_code
            assert _json(reply) == wanted.json()
            packed = dict(reply[1]).get(b"content-encoding", b"").decode()
            assert packed == wanted.headers.get("content-encoding", "")
        mistake = await asked(readers, "/api/queue")  # without what must be handed along
        assert (mistake[0], _json(mistake)["title"]) == (500, "Internal Server Error")
        for number in range(20):
            client.patch("/api/experiments/1", json={"name": f"N{number}"}).raise_for_status()
            assert _json(await asked(readers, "/api/experiments/1"))["name"] == f"N{number}"

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("executable", "why"), [("/nowhere/python", "No such file"), ("a\0b", "null byte")]
)
def test_a_reader_that_cannot_be_started_is_said_once(
    settings: Settings,
    executable: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("sys.executable", executable)
    monkeypatch.setattr(module, "PAUSE_S", 0.05)
    readers = Readers(settings)

    async def ask() -> None:
        for _ in range(20):
            assert await readers.ask(scope_of("/api/views"), False, at_once) is None
            await asyncio.sleep(0.02)

    asyncio.run(ask())
    assert readers._readers[0]._pause > module.PAUSE_S, "it is tried again and again"
    readers.stop()
    assert len(caplog.messages) == 1 and "cannot be started: " in caplog.text
    assert why in caplog.text


def _with_reader(start: Start) -> tuple[Process, psutil.Process]:
    server = start(LORAONE_READERS="1")
    parent = psutil.Process(server.process.pid)

    def up() -> psutil.Process | None:
        server.get("/api/experiments")
        return next(iter(processes(parent)), None)

    process: psutil.Process = server.wait(up)
    assert os.getpgid(process.pid) != os.getpgid(parent.pid), "Ctrl-C would reach it"
    return server, process


@pytest.mark.parametrize(("how", "up"), [(signal.SIGKILL, True), (signal.SIGTERM, False)])
def test_a_reader_ends_with_its_server(start: Start, how: signal.Signals, up: bool) -> None:
    server, process = _with_reader(start)
    if up:
        server.wait(lambda: len(process.net_connections("unix")) and process.num_threads() > 1)
    server.process.send_signal(how)
    server.process.wait(timeout=10)
    process.wait(timeout=10)
    assert server.process.stdout is not None
    said = server.process.stdout.read()
    assert "Traceback" not in said and "reader" not in said


def test_every_kept_route_says_what_it_needs_of_the_process() -> None:
    """By what its function is given: what is of the process alone is on the application's state."""
    own = {"scheduler", "devices", "device_benchmarks", "theory_worker", "feed", "database_health"}
    for route in READING:
        row = mark(route)
        if isinstance(row, Kept):
            given = _given(route.dependant)
            assert not own & given, route.path
            assert row.process == ("process" in given), route.path


def _given(dependant: Any) -> set[str]:
    names = {sub.name for sub in dependant.dependencies if sub.name}
    return names.union(*map(_given, dependant.dependencies))
