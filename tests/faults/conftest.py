"""A server with short patience, the method that goes wrong, and what must hold at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from sqlalchemy import create_engine, func, select

from backend.storage.tables import FINAL, ArtifactRow, LayerColumn, MetricRow, Run, SpectrumRow
from tests.backend.conftest import Process, check_sound
from tests.conftest import tiny_experiment

PLUGIN = Path(__file__).parent / "plugin"
# So that what takes minutes in earnest takes seconds here.
HASTY = {"LORAONE_STALL_MINUTES": "1", "LORAONE_SILENCE_SECONDS": "10"}


class Begin(Protocol):
    """Starts a server on the test's folder, with more settings."""

    def __call__(self, home: Path | None = None, **settings: str) -> Process: ...


@pytest.fixture
def begin(
    tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path, request: pytest.FixtureRequest
) -> Iterator[Begin]:
    """Starts servers; at the end all are stopped, with a sound database and no process left."""
    begun: list[Process] = []

    def start(home: Path | None = None, **settings: str) -> Process:
        path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))
        roots = [*tiny_models.values(), texts_csv.parent]
        given = {"PYTHONPATH": path, **HASTY, **settings}
        begun.append(Process(home or tmp_path / "home", roots, **given))
        return begun[-1]

    yield start
    for server in begun:
        if server.process.poll() is None:
            stop_and_count(server)
            check_sound(server.database_url)


class Faulty(Protocol):
    """An experiment of a run that goes wrong and of one that does not."""

    def __call__(self, what: str | None, **changes: Any) -> dict[str, Any]: ...


@pytest.fixture
def faulty(tiny_models: dict[str, Path], texts_csv: Path) -> Faulty:
    """Makes specs; with None nothing goes wrong in them."""

    def spec(what: str | None, **changes: Any) -> dict[str, Any]:
        wrong = [] if what is None else [{"name": "faulty", "params": {"what": what}}]
        return tiny_experiment(tiny_models["bert"], texts_csv, methods=[*wrong, "lora"], **changes)

    return spec


def theory(seeds: int, steps: int = 40, **changes: Any) -> dict[str, Any]:
    """Short runs of the theory lab: two methods for each seed."""
    return {
        "task": "teacher-student",
        "methods": ["lora", "lora_one"],
        "training": {"steps": steps},
        "grid": {"learning_rates": [0.01], "seeds": list(range(seeds))},
        **changes,
    }


def check(server: Process, *, results: str = "succeeded") -> None:
    """What must hold at the end of every case, whatever happened in it."""
    url = server.database_url
    check_sound(url)
    engine = create_engine(url)
    with engine.connect() as database:
        runs = database.execute(select(Run.id, Run.status, Run.last_seq, Run.summary)).all()
        assert {run.status for run in runs} <= set(FINAL), runs
        whole = [run.id for run in runs if run.status == "succeeded"]
        assert all(run.summary for run in runs if run.status == "succeeded")
        for run_id in whole:
            for table in (MetricRow, SpectrumRow, LayerColumn):
                query = select(func.count()).select_from(table).where(table.run_id == run_id)
                assert database.scalar(query), (run_id, table)
            steps = database.scalars(
                select(MetricRow.step).where(
                    MetricRow.run_id == run_id, MetricRow.name == "train_loss"
                )
            ).all()
            assert len(steps) == len(set(steps)), run_id
        files = database.scalars(select(ArtifactRow.path)).all()
        assert all((server.home / "artifacts" / path).exists() for path in files)
    engine.dispose()


def stop_and_count(server: Process) -> None:
    """Stop the server in order, and find no process of it left."""
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.stop()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left, left
