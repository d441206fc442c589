"""Experiments: launched, found again, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from backend.tables import STATUSES, Experiment, Run
from loraone.catalog import TASKS
from loraone.specs import ExperimentSpec, expand


@dataclass(frozen=True)
class Listed:
    """An experiment and how many of its runs are in each status."""

    experiment: Experiment
    counts: dict[str, int]

    @property
    def status(self) -> str:
        """One word for the whole: running before queued before failed before the rest."""
        for status in ("running", "queued", "failed", "cancelled"):
            if self.counts[status]:
                return status
        return "succeeded"


def create(session: Session, spec: ExperimentSpec) -> Experiment:
    """Store the experiment and queue all its runs, in the order of :func:`expand`."""
    experiment = Experiment(
        name=spec.name,
        description=spec.description,
        spec=spec.model_dump(mode="json"),
        search_text=_search_text(spec),
    )
    session.add(experiment)
    session.flush()
    for run in expand(spec):
        session.add(
            Run(
                experiment_id=experiment.id,
                spec=run.model_dump(mode="json"),
                method=run.method.name,
                label=run.label,
                rank=run.rank if run.trains_adapter else None,
                learning_rate=run.learning_rate,
                seed=run.seed,
            )
        )
    session.flush()
    return experiment


def _search_text(spec: ExperimentSpec) -> str:
    parts = [spec.name, spec.description, spec.task]
    parts += [] if TASKS[spec.task].synthetic else [spec.model.id, spec.data.source]
    parts += [text for method in spec.methods for text in (method.name, method.label)]
    return " ".join(parts).lower()


def get(session: Session, experiment_id: int) -> Experiment | None:
    """One experiment, or None."""
    return session.get(Experiment, experiment_id)


def search(session: Session, text: str, limit: int, offset: int) -> tuple[list[Listed], int]:
    """Newest first; every word of ``text`` must occur. Also the number of all that match."""
    query = select(Experiment)
    for word in text.lower().split():
        query = query.where(Experiment.search_text.contains(word, autoescape=True))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    found = session.scalars(query.order_by(Experiment.id.desc()).limit(limit).offset(offset)).all()
    counts = count_runs(session, [experiment.id for experiment in found])
    return [Listed(experiment, counts[experiment.id]) for experiment in found], total


def count_runs(session: Session, experiment_ids: list[int]) -> dict[int, dict[str, int]]:
    """How many runs of each experiment are in each status."""
    sums = [func.sum(case((Run.status == status, 1), else_=0)) for status in STATUSES]
    rows = session.execute(
        select(Run.experiment_id, *sums)
        .where(Run.experiment_id.in_(experiment_ids))
        .group_by(Run.experiment_id)
    )
    found: dict[int, dict[str, int]] = {key: dict.fromkeys(STATUSES, 0) for key in experiment_ids}
    for key, *values in rows:
        found[key] = {
            status: int(value or 0) for status, value in zip(STATUSES, values, strict=True)
        }
    return found


def listed(session: Session, experiment: Experiment) -> Listed:
    """One experiment with its counts."""
    return Listed(experiment, count_runs(session, [experiment.id])[experiment.id])


def runs(session: Session, experiment_id: int) -> list[Run]:
    """The experiment's runs in queue order."""
    query: Any = select(Run).where(Run.experiment_id == experiment_id).order_by(Run.id)
    return list(session.scalars(query))
