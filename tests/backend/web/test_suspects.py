"""A question that ends its reader, or never ends, is refused; others and the server go on."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Coroutine
from typing import Any

import psutil
import pytest
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from backend.api.kept import KeptRoutes
from backend.settings import Settings
from backend.storage.database import Database
from backend.web import reader_process, suspects
from backend.web.answers import AnswersMiddleware
from backend.web.reader_process import ReaderProcess
from backend.web.readers import Readers
from tests.backend.web.test_kept_routes import READING
from tests.backend.web.test_readers import asked, processes, readers, scope_of, server, settings
from tests.busy import busy

__all__ = ["readers", "server", "settings"]  # the fixtures
FINE, NOTES = "/api/experiments/2", "/api/experiments/1/notes"
CURVES = ["/api/figures/curves?of=e1", "/api/figures/curves?of=e2"]


def endless(settings: Settings, table: str) -> None:
    """Let whoever reads a table compute for ever."""
    with sqlite3.connect(settings.home / "loraone.db") as database:
        database.executescript(
            f"""
            ALTER TABLE {table} RENAME TO written;
            CREATE VIEW {table} AS
            WITH RECURSIVE forever(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM forever)
            SELECT written.* FROM forever CROSS JOIN written WHERE n < 0;
            """
        )


def mended(settings: Settings, table: str) -> None:
    """As it was."""
    with sqlite3.connect(settings.home / "loraone.db") as database:
        database.executescript(f"DROP VIEW {table}; ALTER TABLE written RENAME TO {table};")


class Page:
    """Asks through the middleware of a server, and knows what the server computed itself."""

    def __init__(self, client: TestClient, database: Database, readers: Readers) -> None:
        self.here: list[str] = []
        self._client, self._database, self._readers = client, database, readers
        routes = KeptRoutes("/api", READING)
        self._answers = AnswersMiddleware(self._compute, routes, database, 10**6, readers)
        self._count = itertools.count()

    async def _compute(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.here.append(scope["path"])
        await self._client.app(scope, receive, send)

    async def get(self, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body; they are not kept from an earlier time."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("a question has no body")

        self._answers.store = type(self._answers.store)(10**6)
        scope = {**scope_of(path), "app": self._client.app, "extensions": {}}
        await self._answers(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def reader_with_a_question(self, besides: int = 0) -> int:
        """The number of its process, which is not that of ``besides``."""
        async with asyncio.timeout(100):
            while True:
                process = self._readers._readers[0]._process
                if (
                    process is not None
                    and process.pid != besides
                    and any(waiting.begun for waiting in process._waiting.values())
                ):
                    return process.pid
                await asyncio.sleep(0.05)


@pytest.fixture
def page(
    server: tuple[TestClient, Database], readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> Page:
    """Of a server with one reader, which may take its time to start."""
    monkeypatch.setattr(suspects, "PATIENCE_S", 100.0)
    return Page(*server, readers)


def run(what: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(200):
            await what

    asyncio.run(bounded())


@pytest.mark.sqlite
def test_a_question_that_ends_two_readers_is_refused_for_a_while_and_others_go_on(
    settings: Settings, page: Page, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are killed while they compute it, as the kernel does where memory runs out."""
    monkeypatch.setattr(suspects, "HELD_S", 3.0)
    endless(settings, "notes")

    async def ask() -> None:
        await asked(readers, "/api/views")
        asking = asyncio.create_task(page.get(NOTES))
        reader = 0
        for _ in range(2):
            reader = await page.reader_with_a_question(besides=reader)
            os.kill(reader, signal.SIGKILL)
            assert (await page.get(FINE))[0] == 200
        status, headers, body = await asking
        assert (status, int(headers[b"retry-after"])) == (503, 3), body
        assert b"ended each time" in body
        began = time.monotonic()
        assert (await page.get(NOTES))[0] == 503
        assert time.monotonic() - began < 1 * busy(), "it is not tried again"
        mended(settings, "notes")
        await asyncio.sleep(3)
        assert [(await page.get(NOTES))[0] for _ in range(2)] == [200, 200]
        assert NOTES not in page.here

    run(ask())


@pytest.mark.sqlite
def test_a_question_that_never_ends_is_refused_and_two_of_them_hold_up_nobody(
    settings: Settings, page: Page, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(settings, "metrics")

    async def ask() -> None:
        await asked(readers, "/api/views")
        figures = [asyncio.create_task(page.get(path)) for path in CURVES]
        await page.reader_with_a_question()
        for path in (FINE, "/api/experiments", "/api/queue"):
            assert (await page.get(path))[0] == 200
        assert not any(figure.done() for figure in figures) and page.here == []
        monkeypatch.setattr(reader_process, "LONGEST_S", 2.0)
        told = [await figure for figure in figures]
        assert 503 in {status for status, _, _ in told}
        assert not {path.partition("?")[0] for path in CURVES} & {*page.here}

    run(ask())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_reader_that_dies_or_hangs_costs_no_question_its_answer(
    page: Page, readers: Readers, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_process, "SILENT_S", 2.0)

    async def ask() -> None:
        await asked(readers, "/api/views")
        reader = processes(psutil.Process())[0]
        reader.send_signal(how)
        assert (await page.get("/api/experiments/1"))[0] == 200
        await asked(readers, "/api/views")
        assert processes(psutil.Process()) != [reader]
        before = len(page.here)
        assert (await page.get("/api/experiments/1"))[0] == 200 and len(page.here) == before

    run(ask())


def test_a_stopped_process_that_takes_nothing_holds_up_nobody_who_asks(
    settings: Settings, server: Any
) -> None:
    process = ReaderProcess(settings)
    long = scope_of(f"/api/experiments?q={'a' * 100_000}")

    async def ask() -> None:
        living = asyncio.create_task(asyncio.to_thread(process.live))
        os.kill(process.pid, signal.SIGSTOP)
        asking = [asyncio.create_task(process.ask(long)) for _ in range(20)]
        began = time.monotonic()
        await asyncio.sleep(0.1)
        assert time.monotonic() - began < 2 * busy()
        process.kill()
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert told == [None] * 20, "it had none of them"
        await living

    run(ask())
