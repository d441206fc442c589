"""Runs beside full fine-tuning: how far their weight changes share directions."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.results import queries
from backend.storage.store import experiments
from backend.storage.stored_files import StoredFileError, located
from backend.storage.tables import ArtifactRow, Run
from loraone.analysis import verdicts
from loraone.catalog import LAYER_METRICS, METHODS, resolve
from loraone.linalg import directions

log = logging.getLogger(__name__)


def columns(
    session: Session, chosen: list[Run], judge: str, artifacts: Path, column: str
) -> dict[int, list[float]]:
    """A metric that is computed when it is read, a value per layer, by run.

    Full fine-tuning is that of the run's own experiment, at its own best learning rate and the same
    seed; runs of seeds that it has not finished, and runs that kept no directions, are left out.
    """
    reference: dict[tuple[int, int], Run] = {}
    for experiment_id in dict.fromkeys(run.experiment_id for run in chosen):
        full = [run for run in experiments.runs(session, experiment_id) if _is_full(run)]
        best = set(verdicts.best_learning_rates(queries.runs(full), judge)["run_id"])
        reference |= {(run.experiment_id, run.seed): run for run in full if run.id in best}
    beside = [
        run
        for run in chosen
        if not _is_full(run) and (run.experiment_id, run.seed) in reference and run.layers
    ]
    wanted = {run.id for run in beside} | {run.id for run in reference.values()}
    files = _files(session, wanted, artifacts)
    read = {
        key: kept
        for key, run in reference.items()
        if run.id in files and (kept := _read(files[run.id])) is not None
    }
    produce = resolve(LAYER_METRICS[column].produce)
    shared = {}
    for run in beside:
        key = run.experiment_id, run.seed
        if run.id not in files or key not in read or run.layers is None:
            continue
        own = _read(files[run.id])
        if own is None:
            continue
        shared[run.id] = [produce(own, read[key], name) for name in run.layers["names"]]
    return shared


def _read(file: Path) -> dict[str, directions.Directions] | None:
    """The directions in a file; None where it is damaged, or a retry has just removed it."""
    try:
        return directions.read(file)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        log.warning("%s is left out: %s", file, error)
        return None


def _is_full(run: Run) -> bool:
    row = METHODS.get(run.method)
    return row is not None and row.trains == "all"


def _files(session: Session, run_ids: set[int], artifacts: Path) -> dict[int, Path]:
    rows = session.execute(
        select(ArtifactRow.run_id, ArtifactRow.path).where(
            ArtifactRow.run_id.in_(run_ids), ArtifactRow.name == "directions"
        )
    ).all()
    files = {}
    for run_id, path in rows:
        with suppress(StoredFileError):
            file = located(artifacts, path)
            if file.is_file():
                files[int(run_id)] = file
    return files
