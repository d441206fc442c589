"""Experiments with results, files and logs, for tests of what is deleted."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from backend.storage.database import Database
from backend.storage.store import experiments, runs
from backend.storage.tables import ArtifactRow, Experiment, MetricRow, Run
from loraone.spec.experiment import ExperimentSpec

SPEC = ExperimentSpec.model_validate(
    {
        "name": "Kept",
        "task": "teacher-student",
        "methods": ["lora", "lora_one"],
        "grid": {"learning_rates": [0.1, 0.01]},
    }
)
RUNS = 4


def launch(session: Session, author: str = "ana", owner: int | None = None) -> Experiment:
    """Four runs that wait: two methods at two learning rates."""
    return experiments.create(session, SPEC, author, owner)


def finish(session: Session, run: Run, home: Path) -> None:
    """Let a run succeed: of each method and rate another loss, an adapter, a log."""
    runs.begin(session, run, "CPU")
    loss = 1.0 + run.learning_rate + 2.0 * (run.method == "lora")
    session.add(
        MetricRow(run_id=run.id, name="train_loss", step=0, value=loss, seconds=0.0, tokens=0)
    )
    for name, size in (("adapter", 1000), ("directions", 100)):
        path = f"{run.id}/{run.attempt}/{name}"
        session.add(
            ArtifactRow(
                run_id=run.id, name=name, path=path, bytes=size, max_error=0.0, verified=True
            )
        )
        file = home / "artifacts" / path / "weights"
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(size))
    log = home / "logs" / str(run.id) / f"{run.attempt}.log"
    log.parent.mkdir(parents=True)
    log.write_text("ten letters")
    run.summary = {"relative_loss": loss, "eval_loss": loss}
    session.flush()
    runs.finish(session, run, "succeeded")


def finished(database: Database, home: Path, author: str = "ana", owner: int | None = None) -> int:
    """An experiment whose runs have all succeeded; its number."""
    with database.write() as session:
        experiment = launch(session, author, owner)
        for run in experiments.runs(session, experiment.id):
            finish(session, run, home)
        return experiment.id
