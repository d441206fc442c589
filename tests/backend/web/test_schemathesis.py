"""schemathesis over the whole API of a real server: no mistake of it, nothing undocumented, in
bounded time.

The seed is printed and can be set with ``LORAONE_FUZZ_SEED``; ``LORAONE_FUZZ_SECONDS`` is how long
each of the two tests goes on (``make fuzz``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from backend.settings import Settings
from backend.web.app import create_app
from benchmarks.history import seed
from tests.backend.web import fuzzed
from tests.backend.web.conftest import Served
from tests.backend.web.fuzz_checks import CHECKS, MOST_SECONDS, SENT, Sent

SEED = int(os.environ.get("LORAONE_FUZZ_SEED", "20261125"))
SECONDS = int(os.environ.get("LORAONE_FUZZ_SECONDS", "23"))
ROOT = Path(__file__).parents[3]
OF_THE_DESCRIPTION = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)


@dataclass
class Server:
    """A server whose runs stay queued, and what it was sent."""

    served: Served
    requests: Path

    def reader(self) -> psutil.Process:
        """The process that computes its answers."""
        children = psutil.Process(self.served.process.pid).children()
        (reader,) = [child for child in children if "backend.web.reader" in child.cmdline()]
        return reader

    def computed(self) -> float:
        """Seconds that it and its reader have computed, however busy the machine is."""
        both = psutil.Process(self.served.process.pid), self.reader()
        return sum(sum(process.cpu_times()[:2]) for process in both)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    app = create_app(Settings(home=folder / "home"))
    seed(app, runs=60, per_experiment=20)
    app.state.database.close()
    served = Served(folder / "home", module=fuzzed.__name__, LORAONE_READERS="1")
    for method, path, body in (
        ("POST", "/api/experiments/1/notes", {"text": "# What it is about", "base": 0}),
        ("POST", "/api/views", {"name": "mine", "query": "method:lora lr>1e-4"}),
        ("PATCH", "/api/experiments/2", {"starred": True, "tags": ["paper"]}),
        ("POST", "/api/experiments", {"task": "teacher-student", "methods": ["lora"]}),
    ):
        served.http.request(method, path, json=body).raise_for_status()
    yield Server(served, folder / "sent")
    served.stop()


@pytest.mark.sqlite
@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
def test_nothing_that_is_sent_has_an_answer_that_is_not_documented(
    server: Server, phases: str, tmp_path: Path
) -> None:
    command = [
        "schemathesis", "--no-color", "run", f"{server.served.url}/api/openapi.json",
        f"--phases={phases}", f"--checks={OF_THE_DESCRIPTION},{CHECKS}", f"--seed={SEED}",
        f"--max-time={SECONDS}", "--mode=all", "--max-examples=8", "--no-shrink",
        "--continue-on-failure", "--request-timeout=20", "--suppress-health-check=all",
        "--max-redirects=0",
    ]  # fmt: skip
    before, reader = len(Sent.read(server.requests)), server.reader()
    computed = sum(reader.cpu_times()[:2])
    ran = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.backend.web.fuzz_checks",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            SENT: str(server.requests),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
    )
    sent = len(Sent.read(server.requests)) - before
    print(f"{phases}: seed {SEED}, {sent} requests\n{ran.stdout[-2500:]}")
    assert ran.returncode == 0, f"LORAONE_FUZZ_SEED={SEED}\n{ran.stdout[-20_000:]}{ran.stderr}"
    assert sent > 60
    assert server.reader() == reader, "nothing that was sent has ended it"
    assert sum(reader.cpu_times()[:2]) - computed > 0.5, "it has answered"


@pytest.mark.sqlite
def test_no_answer_is_slow_twice_and_none_was_a_mistake(server: Server) -> None:
    sent = Sent.read(server.requests)
    assert len(sent) > 120, "the tests above are part of this one"
    for request in filter(lambda request: request.slow, sent):
        before = server.computed()
        again = request.again()  # the first time, the machine may have been busy; now too
        spent = server.computed() - before
        assert min(again.elapsed.total_seconds(), spent) <= MOST_SECONDS, request
    assert "Traceback" not in server.served.log
