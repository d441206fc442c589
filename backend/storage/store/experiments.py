"""Experiments: launched, found again, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from backend.storage.store import changes
from backend.storage.store.search import condition
from backend.storage.tables import STATUSES, Experiment, Run, Tag
from loraone.analysis import outcomes
from loraone.analysis.learning_rates import by_rate, choose
from loraone.catalog import TASKS
from loraone.spec import stored
from loraone.spec.experiment import ExperimentSpec, expand

# Values of a facet that are listed.
MOST_FACETS = 12


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


@dataclass(frozen=True)
class Listed:
    """An experiment, how many of its runs are in each status, and its tags."""

    experiment: Experiment
    counts: dict[str, int]
    tags: tuple[str, ...] = ()
    best: Best | None = None

    @property
    def status(self) -> str:
        """One word for the whole: running before queued before failed before the rest."""
        for status in ("running", "queued", "failed", "cancelled"):
            if self.counts[status]:
                return status
        return "succeeded"


@dataclass(frozen=True)
class Facet:
    """A value that the found experiments can be narrowed to, and how many have it."""

    value: str
    count: int


def create(session: Session, spec: ExperimentSpec, author: str = "") -> Experiment:
    """Store the experiment and queue all its runs, in the order of :func:`expand`."""
    synthetic = TASKS[spec.task].synthetic
    experiment = Experiment(
        task=spec.task,
        model="teacher–student" if synthetic else spec.model.id,
        data=spec.problem.summary if synthetic else spec.data.source,
        author=author,
        name=spec.name,
        description=spec.description,
        spec=spec.model_dump(mode="json"),
    )
    index(experiment)
    session.add(experiment)
    session.flush()
    queued = [
        Run(
            experiment_id=experiment.id,
            spec=run.model_dump(mode="json"),
            method=run.method.name,
            label=run.label,
            rank=run.rank if run.trains_adapter else None,
            learning_rate=run.learning_rate,
            seed=run.seed,
        )
        for run in expand(spec)
    ]
    session.add_all(queued)
    session.flush()
    changes.add(
        session, queued[0], "status"
    )  # for all of them: open pages learn that there is more
    return experiment


def index(experiment: Experiment) -> None:
    """Make an experiment's words those of its name and description as they are now."""
    experiment.search_text = _search_text(experiment)


def _search_text(experiment: Experiment) -> str:
    document = stored.experiment(experiment.spec).document
    parts = [experiment.name, experiment.description, experiment.task]
    parts += [] if stored.is_synthetic(document) else [experiment.model, experiment.data]
    parts += [*stored.method_names(document), *stored.method_labels(document)]
    return " ".join(parts).lower()


def get(session: Session, experiment_id: int) -> Experiment | None:
    """One experiment, or None."""
    return session.get(Experiment, experiment_id)


def search(session: Session, text: str, limit: int, offset: int) -> tuple[list[Listed], int]:
    """Newest first, as :mod:`.search` reads ``text``. Also the number of matches."""
    query = select(Experiment).where(condition(text))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(query.order_by(Experiment.id.desc()).limit(limit).offset(offset)).all()
    ids = [experiment.id for experiment in rows]
    counts, named, ahead = count_runs(session, ids), tags(session, ids), best(session, ids)
    listed = [Listed(row, counts[row.id], named[row.id], ahead.get(row.id)) for row in rows]
    return listed, total


# What experiments are judged by unless asked otherwise; lower is better in each.
_JUDGES = ("eval_loss", "relative_loss")


def best(session: Session, experiment_ids: list[int]) -> dict[int, Best]:
    """What is ahead in each experiment that has finished runs.

    Methods that runs of failed at their best learning rate come after those that none did.
    """
    rows = session.execute(
        select(
            Run.experiment_id, Run.label, Run.rank, Run.learning_rate, Run.seed, Run.status,
            *(Run.summary[metric].as_float() for metric in _JUDGES),
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


def facets(session: Session, text: str) -> dict[str, list[Facet]]:
    """What the found experiments have in common, most frequent first, by search key."""
    chosen = select(Experiment.id).where(condition(text)).scalar_subquery()
    amount = func.count(func.distinct(Experiment.id))
    values = {}
    for key, column in (("model", Experiment.model), ("task", Experiment.task),
                        ("by", Experiment.author)):  # fmt: skip
        rows = session.execute(
            select(column, amount).where(Experiment.id.in_(chosen)).group_by(column)
        ).all()
        values[key] = _facet(rows)
    runs_of = func.count(func.distinct(Run.experiment_id))
    rows = session.execute(
        select(Run.method, runs_of).where(Run.experiment_id.in_(chosen)).group_by(Run.method)
    ).all()
    values["method"] = _facet(rows)
    rows = session.execute(
        select(Tag.name, func.count()).where(Tag.experiment_id.in_(chosen)).group_by(Tag.name)
    ).all()
    values["tag"] = _facet(rows)
    return values


def _facet(rows: Sequence[Any]) -> list[Facet]:
    known = [Facet(str(value), int(count)) for value, count in rows if value]
    return sorted(known, key=lambda facet: (-facet.count, facet.value))[:MOST_FACETS]


def tags(session: Session, experiment_ids: list[int]) -> dict[int, tuple[str, ...]]:
    """The tags of each experiment, in alphabetical order."""
    rows = session.execute(
        select(Tag.experiment_id, Tag.name)
        .where(Tag.experiment_id.in_(experiment_ids))
        .order_by(Tag.name)
    ).all()
    named: dict[int, tuple[str, ...]] = dict.fromkeys(experiment_ids, ())
    for key, name in rows:
        named[int(key)] = (*named[int(key)], str(name))
    return named


def set_tags(session: Session, experiment_id: int, names: Sequence[str]) -> None:
    """These tags and no others."""
    session.execute(delete(Tag).where(Tag.experiment_id == experiment_id))
    for name in dict.fromkeys(names):
        session.add(Tag(experiment_id=experiment_id, name=name))
    session.flush()


def count_runs(session: Session, experiment_ids: list[int]) -> dict[int, dict[str, int]]:
    """How many runs of each experiment are in each status."""
    sums = [func.sum(case((Run.status == status, 1), else_=0)) for status in STATUSES]
    rows = session.execute(
        select(Run.experiment_id, *sums)
        .where(Run.experiment_id.in_(experiment_ids))
        .group_by(Run.experiment_id)
    )
    counts: dict[int, dict[str, int]] = {key: dict.fromkeys(STATUSES, 0) for key in experiment_ids}
    for key, *values in rows:
        counts[key] = {
            status: int(value or 0) for status, value in zip(STATUSES, values, strict=True)
        }
    return counts


def listed(session: Session, experiment: Experiment) -> Listed:
    """One experiment with its counts."""
    key = experiment.id
    counts, named = count_runs(session, [key])[key], tags(session, [key])[key]
    return Listed(experiment, counts, named, best(session, [key]).get(key))


def runs(session: Session, experiment_id: int) -> list[Run]:
    """The experiment's runs in queue order."""
    query: Any = select(Run).where(Run.experiment_id == experiment_id).order_by(Run.id)
    return list(session.scalars(query))
