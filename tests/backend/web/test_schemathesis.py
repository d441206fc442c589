"""schemathesis over the whole API: no mistake of the server, nothing undocumented, in bounded time.

The seed is printed and can be set with ``LORAONE_FUZZ_SEED``; ``LORAONE_FUZZ_SECONDS`` is how long
each of the two tests goes on (``make fuzz``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from backend.scheduling.theory_worker import Reply, TheoryWorker
from backend.settings import Settings
from backend.storage.store import lanes
from backend.web.app import create_app
from benchmarks.history import seed
from loraone.analysis.figures.style import Theme
from loraone.spec.experiment import ExperimentSpec

SEED = int(os.environ.get("LORAONE_FUZZ_SEED", "20261125"))
SECONDS = int(os.environ.get("LORAONE_FUZZ_SECONDS", "25"))
MOST_SECONDS, MOST_BYTES = 2.0, 10_000_000
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)


class Small(TheoryWorker):
    """Solves what takes a moment; the rest would take as long as it was asked to."""

    async def ask(self, spec: ExperimentSpec, *, quick: bool, theme: Theme) -> AsyncIterator[Reply]:
        problem = spec.problem
        if spec.run_count * problem.samples * spec.training.steps > 50_000:
            yield Reply(0, error="more than this test waits for")
            return
        async for reply in super().ask(spec, quick=quick, theme=theme):
            yield reply


@dataclass
class Measured:
    """The app, and which requests took too long or were answered with too much."""

    app: FastAPI
    requests: int = 0
    large: list[str] = field(default_factory=list)
    slow: list[tuple[str, str, bytes, bytes]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        began, length, body = time.monotonic(), 0, b""
        target = f"{scope['raw_path'].decode()}?{scope['query_string'].decode('latin-1')}"

        async def receiving() -> Any:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def sending(message: Any) -> None:
            nonlocal length
            length += len(message.get("body", b""))
            await send(message)

        await self.app(scope, receiving, sending)
        self.requests += 1
        if length > MOST_BYTES:
            self.large.append(f"{scope['method']} {target}: {length} bytes")
        # How long the theory lab takes is said in the plan, and while it goes on.
        if time.monotonic() - began > MOST_SECONDS and scope["path"] != "/api/theory":
            kind = dict(scope["headers"]).get(b"content-type", b"")
            self.slow.append((scope["method"], target, body, kind))


@dataclass
class Server:
    """A server on a socket, whose runs stay queued."""

    url: str
    measured: Measured


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")))
    app.state.theory_worker = Small(threads=1)
    app.state.feed.stop()  # a stream says what is new, and ends
    seed(app, runs=60, per_experiment=20)
    with app.state.database.write() as session:
        lanes.present(session, ["cpu"])
    measured = Measured(app)
    # Without lifespan no lane is started.
    config = uvicorn.Config(measured, port=0, lifespan="off", log_level="error")
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        time.sleep(0.02)
    port = serving.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url) as client:
        for method, path, body in (
            ("POST", "/api/experiments/1/notes", {"text": "# What it is about", "base": 0}),
            ("POST", "/api/views", {"name": "mine", "query": "method:lora lr>1e-4"}),
            ("PATCH", "/api/experiments/2", {"starred": True, "tags": ["paper"]}),
            ("POST", "/api/experiments", {"task": "teacher-student", "methods": ["lora"]}),
        ):
            client.request(method, path, json=body).raise_for_status()
    yield Server(url, measured)
    serving.should_exit = True
    thread.join()
    app.state.theory_worker.stop()
    app.state.database.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_nothing_that_is_sent_has_an_answer_that_is_not_documented(
    server: Server, phases: str, tmp_path: Path
) -> None:
    command = [
        "schemathesis", "--no-color", "run", f"{server.url}/api/openapi.json",
        f"--phases={phases}", f"--checks={CHECKS}", f"--seed={SEED}", f"--max-time={SECONDS}",
        "--mode=all", "--max-examples=8", "--no-shrink", "--continue-on-failure",
        "--request-timeout=20", "--suppress-health-check=all", "--max-redirects=0",
    ]  # fmt: skip
    before = server.measured.requests
    ran = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
    )
    sent = server.measured.requests - before
    print(f"{phases}: seed {SEED}, {sent} requests\n{ran.stdout[-2500:]}")
    assert ran.returncode == 0, f"LORAONE_FUZZ_SEED={SEED}\n{ran.stdout[-20_000:]}{ran.stderr}"
    assert sent > 300


@pytest.mark.sqlite
def test_no_answer_was_large_and_none_is_slow_twice(server: Server) -> None:
    assert server.measured.requests > 300, "the tests above are part of this one"
    assert server.measured.large == []
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for method, target, body, kind in server.measured.slow[:]:
            began = time.monotonic()  # the first time, the machine may have been busy
            client.request(method, target, content=body, headers={b"content-type": kind})
            assert time.monotonic() - began <= MOST_SECONDS, (method, target, body[:500])
