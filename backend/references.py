"""Runs beside the experiment's full fine-tuning: how far their weight changes share directions."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend import frames
from backend.tables import ArtifactRow, Run
from loraone import compare, directions
from loraone.catalog import METHODS

COLUMNS = ("full_left", "full_right")


def columns(
    session: Session,
    chosen: list[Run],
    known: list[Run],
    judge: str,
    artifacts: Path,
    column: str,
) -> dict[int, list[float]]:
    """Mean cos² of each run's change to that of full fine-tuning, a value per layer, by run.

    Full fine-tuning is taken at its own best learning rate and the same seed; runs of seeds that it
    has not finished, and runs that kept no directions, are left out.
    """
    done = [run for run in known if run.status == "succeeded" and _is_full(run)]
    if not done:
        return {}
    best = set(compare.best_learning_rates(frames.runs(done), judge)["run_id"])
    reference = {run.seed: run for run in done if run.id in best}
    beside = [run for run in chosen if not _is_full(run) and run.seed in reference and run.layers]
    wanted = {run.id for run in beside} | {run.id for run in reference.values()}
    files = _files(session, wanted, artifacts)
    full = {
        seed: directions.read(files[run.id]) for seed, run in reference.items() if run.id in files
    }
    side = COLUMNS.index(column)
    found = {}
    for run in beside:
        if run.id not in files or run.seed not in full or run.layers is None:
            continue
        own = directions.read(files[run.id])
        found[run.id] = [
            directions.agreement(own, full[run.seed], name)[side] for name in run.layers["names"]
        ]
    return found


def _is_full(run: Run) -> bool:
    row = METHODS.get(run.method)
    return row is not None and row.trains == "all"


def _files(session: Session, run_ids: set[int], artifacts: Path) -> dict[int, Path]:
    rows = session.execute(
        select(ArtifactRow.run_id, ArtifactRow.path).where(
            ArtifactRow.run_id.in_(run_ids), ArtifactRow.name == "directions"
        )
    ).all()
    paths = {int(run_id): artifacts / path for run_id, path in rows}
    return {run_id: path for run_id, path in paths.items() if path.is_file()}
