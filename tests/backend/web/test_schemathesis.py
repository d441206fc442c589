"""schemathesis over the whole API of a real server: no mistake of it, nothing undocumented, in
bounded time.

The seed is printed and can be set with ``LORAONE_FUZZ_SEED``; ``LORAONE_FUZZ_SECONDS`` is how long
each of the two tests goes on (``make fuzz``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.settings import Settings
from backend.web.app import create_app
from benchmarks.history import seed
from tests.backend.web import fuzzed
from tests.backend.web.conftest import Served
from tests.backend.web.fuzz_checks import Sent
from tests.backend.web.fuzzing import Server


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
    reader = server.reader()
    computed = sum(reader.cpu_times()[:2])
    assert len(server.fuzz(phases, tmp_path, seconds=16)) > 20
    # Far below what two dozen answers take, also where other processes had most of the cores.
    assert sum(reader.cpu_times()[:2]) - computed > 0.1, "it has answered"


@pytest.mark.sqlite
def test_no_answer_is_slow_twice_and_none_was_a_mistake(server: Server) -> None:
    assert len(Sent.read(server.requests)) > 50, "the tests above are part of this one"
    server.check_quick()
