"""What is ahead in an experiment: read from its runs while some of them have not ended, then kept.

A list of fifty experiments of five hundred runs would otherwise read 25 000 runs to say it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from backend.storage.audience import audience
from backend.storage.json_numbers import number_in
from backend.storage.tables import ACTIVE, Experiment, Run
from loraone.analysis import outcomes
from loraone.analysis.learning_rates import by_rate, choose

COLUMNS = ("settled", "best", "best_value")
# Experiments whose runs are read together.
_AT_ONCE = 100


@dataclass(frozen=True)
class Best:
    """The method that is ahead in an experiment, at its own best learning rate: mean over seeds.

    ``failed`` is how many runs of it failed there; the mean is then of those that did not.
    """

    label: str
    learning_rate: float
    metric: str
    value: float
    seeds: int
    failed: int


# What experiments are judged by unless asked otherwise; lower is better in each.
_JUDGES = ("eval_loss", "relative_loss")


def best(session: Session, experiments: Sequence[Experiment]) -> dict[int, Best]:
    """What is ahead in each experiment that has finished runs.

    Methods that runs of failed at their best learning rate come after those that none did.
    """
    in_part = audience().in_part  # what was kept is of runs that are not in it, too
    settled = [row for row in experiments if row.settled and row.id not in in_part]
    others = {row.id for row in experiments} - {row.id for row in settled}
    kept = {row.id: Best(**row.best) for row in settled if row.best}
    return kept | read(session, sorted(others))


def settle(session: Session, experiment_id: int) -> bool:
    """Keep what is ahead in an experiment if all its runs have ended; whether they have."""
    session.flush()
    waits = select(Run.id).where(Run.experiment_id == experiment_id, Run.status.in_(ACTIVE))
    if session.scalar(waits.limit(1)) is not None:
        return False
    experiment = session.get_one(Experiment, experiment_id)
    for name, value in _columns(read(session, [experiment_id]).get(experiment_id)).items():
        setattr(experiment, name, value)
    return True


def unsettle(session: Session, experiment_id: int) -> None:
    """A run of the experiment will run again: what is ahead is not known any more."""
    session.get_one(Experiment, experiment_id).settled = False


def settle_all(session: Session) -> int:
    """Settle the experiments that an earlier release left unsettled; how many there were."""
    waits = exists().where(Run.experiment_id == Experiment.id, Run.status.in_(ACTIVE))
    ids = session.scalars(select(Experiment.id).where(~Experiment.settled, ~waits)).all()
    if ids:
        ahead = read(session, ids)
        rows = [{"id": key, **_columns(ahead.get(key))} for key in ids]
        session.execute(update(Experiment), rows)
    return len(ids)


def _columns(ahead: Best | None) -> dict[str, Any]:
    kept, value = (None, None) if ahead is None else (asdict(ahead), ahead.value)
    return {"settled": True, "best": kept, "best_value": value}


def read(session: Session, experiment_ids: Sequence[int]) -> dict[int, Best]:
    """What is ahead in each experiment, from its runs as they stand."""
    found: dict[int, Best] = {}
    for first in range(0, len(experiment_ids), _AT_ONCE):
        found |= _read(session, experiment_ids[first : first + _AT_ONCE])
    return found


def _read(session: Session, experiment_ids: Sequence[int]) -> dict[int, Best]:
    rows = session.execute(
        select(
            Run.experiment_id, Run.label, Run.rank, Run.learning_rate, Run.seed, Run.status,
            *(number_in(Run.summary, metric) for metric in _JUDGES),
        )
        .where(Run.experiment_id.in_(experiment_ids))
        .order_by(Run.id)
    ).all()  # fmt: skip
    methods: dict[int, dict[tuple[str, int | None], list[Any]]] = {}
    for key, label, rank, *run in rows:
        methods.setdefault(int(key), {}).setdefault((label, rank), []).append(run)
    found = {key: _ahead(of_experiment) for key, of_experiment in methods.items()}
    return {key: ahead for key, ahead in found.items() if ahead is not None}


def _ahead(methods: dict[tuple[str, int | None], list[Any]]) -> Best | None:
    """Of one experiment: by method and rank its runs as learning rate, seed, status, values."""
    names = outcomes.names([label for label, _ in methods], [rank for _, rank in methods])
    for i, metric in enumerate(_JUDGES):
        found = []
        for name, runs in zip(names, methods.values(), strict=True):
            tried = by_rate(
                (rate, seed, *_end(status, values[i])) for rate, seed, status, *values in runs
            )
            if (choice := choose(tried, metric)) is not None:
                best = choice.best
                mean, seeds = best.mean(best.seeds), len(best.seeds)
                found.append(Best(name, best.rate, metric, mean, seeds, best.failed))
        if found:
            return min(found, key=lambda one: (one.failed, one.value))
    return None


def _end(status: str, value: float | None) -> tuple[float | None, bool]:
    """A run's value if it is one, and whether it failed: a value may also be infinite."""
    if status == "succeeded" and value is not None and math.isfinite(value):
        return value, False
    return None, status in ("succeeded", "failed")
