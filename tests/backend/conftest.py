"""Servers for tests: an app without lanes, and real server processes that can be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import httpx
import psutil
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from backend.settings import Settings
from backend.storage.database import Database
from backend.web.app import create_app
from backend.web.page import PAGE
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl
from tests.ray_nodes import RayNodes


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The databases that a test opens are closed after it: an application is never forgotten, and
    some thousand of them would have all files that a process may have open."""
    opened: list[Database] = []
    begin = Database.__init__

    def noted(database: Database, *given: Any, **named: Any) -> None:
        begin(database, *given, **named)
        opened.append(database)

    monkeypatch.setattr(Database, "__init__", noted)
    yield
    for database in opened:
        database.close()


@pytest.fixture
def app(
    tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path, database_url: DatabaseUrl
) -> FastAPI:
    """An app whose lanes are not started: what is launched stays queued."""
    roots = ":".join(str(path) for path in (*tiny_models.values(), texts_csv.parent))
    home = tmp_path / "home"
    return create_app(Settings(home=home, allowed_roots=roots, database_url=database_url(home)))


@pytest.fixture(scope="session")
def _local_app(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[FastAPI]:
    home = tmp_path_factory.mktemp("local")
    app = create_app(Settings(home=home, database_url=database_url(home), auth="local"))
    app.state.feed.stop()
    yield app
    app.state.database.close()


@pytest.fixture
def local_app(_local_app: FastAPI) -> FastAPI:
    """One with accounts, of which there are none yet: nothing is stored. Passwords are hashed in
    no time, and streams end."""
    accounts.empty(_local_app.state.database)
    _local_app.state.callers.forget()
    _local_app.state.passwords = accounts.quick()
    return _local_app


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The folder of the page as it is built."""
    assert (PAGE / "index.html").is_file(), "the page has not been built: run 'make page'"
    return PAGE


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client of :func:`app`."""
    return TestClient(app, base_url="http://127.0.0.1:8111")


def check_sound(url: str) -> None:
    """What SQLite says of its file; PostgreSQL has no such question."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engine.dispose()


def _command(process: psutil.Process) -> str:
    """How a process was started; of one that has just ended nobody can say any more."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Process:
    """A server in a process of its own, as a user starts it: ``before`` are words before its
    command, ``module`` is what it is, ``errors`` is where its standard error goes to alone."""

    def __init__(
        self,
        home: Path,
        roots: list[Path],
        *,
        before: Sequence[str] = (),
        module: str = "backend.cli",
        errors: IO[str] | None = None,
        **settings: str,
    ) -> None:
        self.home = home
        self.database_url = settings.get("LORAONE_DATABASE_URL", f"sqlite:///{home}/loraone.db")
        self.on_ray = settings.get("LORAONE_EXECUTOR") == "ray"
        environment = {
            **os.environ,
            "LORAONE_HOME": str(home),
            "LORAONE_ALLOWED_ROOTS": ":".join(str(root) for root in roots),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        command = [*before, sys.executable, "-m", module, "serve", "--port", "0"]
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors or subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = ""
        while not (match := re.search(r"http://\S+", said)):
            line = self.process.stdout.readline()
            assert line, f"the server ended: {said}"
            said += line
        self.url = match[0]
        self.http = httpx.Client(base_url=self.url, timeout=20)

    def get(self, path: str) -> Any:
        """The JSON of an answer."""
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON of an answer to a POST."""
        answer = self.http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def workers(self) -> list[psutil.Process]:
        """The server's worker processes."""
        if self.on_ray:
            return RayNodes.actors()
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [p for p in children if "spawn_main" in _command(p)]

    def wait(self, condition: Callable[[], Any], seconds: float = 90) -> Any:
        """The first truthy value of ``condition``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError("waited in vain")

    def runs(self, experiment: int) -> list[dict[str, Any]]:
        """The experiment's runs."""
        found: list[dict[str, Any]] = self.get(f"/api/experiments/{experiment}")["runs"]
        return found

    def layers(self, experiment: int) -> list[str]:
        """The names of the experiment's target layers."""
        return [layer["name"] for layer in self.get(f"/api/experiments/{experiment}")["layers"]]

    def training(self, experiment: int) -> dict[str, Any] | None:
        """A run that is in the middle of its training."""
        return next((r for r in self.runs(experiment) if r["phase"] == "train" and r["done"]), None)

    def settle(self, experiment: int) -> list[dict[str, Any]]:
        """All runs, once each has ended."""
        final = {"succeeded", "failed", "cancelled"}
        self.wait(lambda: all(r["status"] in final for r in self.runs(experiment)), 180)
        return self.runs(experiment)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        self.http.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


class NewProcess(Protocol):
    """Starts a server on a folder and the database that belongs to it."""

    def __call__(self, home: Path, roots: list[Path], **settings: str) -> Process: ...


@pytest.fixture(scope="session")
def new_process(database_url: DatabaseUrl, request: pytest.FixtureRequest) -> NewProcess:
    """Starts servers that the caller stops."""

    def begin(home: Path, roots: list[Path], **settings: str) -> Process:
        given = {"LORAONE_DATABASE_URL": database_url(home)}
        if request.config.getoption("ray"):
            nodes: RayNodes = request.getfixturevalue("ray_node")
            given |= {"LORAONE_EXECUTOR": "ray", "RAY_ADDRESS": nodes.address}
        return Process(home, roots, **{**given, **settings})

    return begin


class Start(Protocol):
    """Starts a server with more settings."""

    def __call__(self, **settings: str) -> Process: ...


@pytest.fixture
def start(
    tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path, new_process: NewProcess
) -> Iterator[Start]:
    """Starts servers on one data folder; whatever is left is killed at the end."""
    begun: list[Process] = []

    def begin(**settings: str) -> Process:
        roots = [*tiny_models.values(), texts_csv.parent]
        begun.append(new_process(tmp_path / "home", roots, **settings))
        return begun[-1]

    yield begin
    for server in begun:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
