"""A real server with accounts, what two of them launched, and servers that mean no good."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.people import quotas, secrets
from backend.storage.database import Database
from backend.storage.tables import AccessToken, Person, Role
from loraone import Client, __version__
from loraone.client import Experiment
from tests.backend.conftest import NewProcess, Process, new_process
from tests.conftest import tiny_experiment
from tests.loraone.client.cut_proxy import CutProxy

__all__ = ["new_process"]

SYNTHETIC = {
    "task": "teacher-student",
    "name": "Größe α: tiny 🧪",
    "methods": ["lora", "lora_one"],
    "training": {"steps": 4, "warmup_steps": 0, "optimizer": "sgd", "eval_every": 2},
    "grid": {"ranks": [2], "learning_rates": [0.1]},
}


@dataclass
class Lab:
    """A server process, and an access token of an account for each role."""

    process: Process
    tokens: dict[Role, str]

    @property
    def url(self) -> str:
        return self.process.url

    def client(self, role: Role = "editor", url: str | None = None) -> Client:
        return Client(url or self.url, self.tokens[role])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing that is launched meanwhile starts."""
        self._set("paused")
        try:
            yield
        finally:
            self._set("open")

    @contextmanager
    def editors_quotas(self, **numbers: float) -> Iterator[None]:
        """The editor may use so much meanwhile."""
        self._allow(numbers)
        try:
            yield
        finally:
            self._allow(dict.fromkeys(numbers))

    def _allow(self, numbers: Mapping[str, float | None]) -> None:
        database = Database(self.process.database_url)
        with database.write() as session:
            editor = session.query(Person).filter(Person.role == "editor").one()
            quotas.set_own(editor, numbers)
        database.close()

    def _set(self, mode: str) -> None:
        headers = {"Authorization": f"Bearer {self.tokens['administrator']}"}
        for lane in self.process.http.get("/api/queue", headers=headers).json()["lanes"]:
            path = f"/api/lanes/{lane['name']}"
            answer = self.process.http.post(path, params={"mode": mode}, headers=headers)
            answer.raise_for_status()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, new_process: NewProcess) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    server = new_process(home, [home / "models"], LORAONE_AUTH="local")
    names: dict[Role, str] = {"viewer": "Väinö", "editor": "Åsa Öberg", "administrator": "Ada"}
    database = Database(server.database_url)
    tokens: dict[Role, str] = {}
    with database.write() as session:
        for role, name in names.items():
            row = Person(name=name, role=role, source="local")
            session.add(row)
            session.flush()
            tokens[role] = secrets.make(secrets.TOKEN)
            key = secrets.hashed(tokens[role])
            session.add(AccessToken(person_id=row.id, name="test", scope="admin", secret=key))
    database.close()
    yield Lab(server, tokens)
    if server.process.poll() is None:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def finished(lab: Lab, tiny_models: dict[str, Path], texts_csv: Path) -> tuple[Experiment, ...]:
    """A teacher–student experiment, and one on a real model, whose runs have ended."""
    client = lab.client()
    models = lab.process.home / "models"
    model = shutil.copytree(tiny_models["bert"], models / "bert")
    data = shutil.copy(texts_csv, models)
    spec = tiny_experiment(model, data, name="tiny model")
    launched = (client.launch(SYNTHETIC), client.launch(spec))
    return tuple(each.wait(progress=False, check=True) for each in launched)


@pytest.fixture
def proxy(lab: Lab) -> Iterator[CutProxy]:
    """What stands between the client and the server, and may fail."""
    with CutProxy(lab.url) as between:
        yield between


@dataclass
class Impostor:
    """A web server that answers what it is told to, and remembers what it was asked."""

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def says(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, named, content)


@pytest.fixture
def new_impostor() -> Iterator[Any]:
    servers: list[ThreadingHTTPServer] = []

    def begin(version: str = __version__) -> Impostor:
        impostor = Impostor()
        impostor.says("/api/health", {"status": "ok", "version": version})

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                impostor.asked.append((self.path, dict(self.headers)))
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                missing: tuple[int, dict[str, str], bytes] = (404, {}, b"<h1>nothing here</h1>")
                status, headers, body = impostor.answers.get(self.path.partition("?")[0], missing)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *said: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        impostor.url = f"http://127.0.0.1:{server.server_port}"
        return impostor

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes this machine's tokens."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("LORAONE_SERVER", "LORAONE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
