"""Experiments: launched, found again, counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from backend.storage.audience import audience
from backend.storage.store import changes, summaries
from backend.storage.store.many import among
from backend.storage.store.search import condition
from backend.storage.store.settling import Best, best
from backend.storage.store.sorting import KEPT, Sort, by_best, order
from backend.storage.store.visible import visible
from backend.storage.tables import STATUSES, Experiment, Person, Run, Tag
from backend.storage.versions import TOUCHES
from loraone.catalog import TASKS
from loraone.spec import stored
from loraone.spec.experiment import ExperimentSpec, expand

# Values of a facet that are listed.
MOST_FACETS = 12


@dataclass(frozen=True)
class Listed:
    """An experiment, how many of its runs are in each status, and its tags.

    ``part`` are the labels of its runs' methods where the audience sees some of its runs alone:
    its description, its tags and its spec are about the others too.
    """

    experiment: Experiment
    counts: dict[str, int]
    tags: tuple[str, ...] = ()
    best: Best | None = None
    part: tuple[str, ...] | None = None
    # Whether its author is who owns it: of one that was imported they may be two.
    by_owner: bool = False

    @property
    def description(self) -> str:
        """As far as the audience sees it."""
        return self.experiment.description if self.part is None else ""

    @property
    def methods(self) -> list[str]:
        """The labels of its methods, as far as the audience sees their runs."""
        return stored.method_labels(self.experiment.spec) if self.part is None else [*self.part]

    @property
    def status(self) -> str:
        """One word for the whole: running before queued before failed before the rest."""
        found = (status for status in summaries.SHOWN if self.counts[status])
        return next(found, summaries.SHOWN[-1])


@dataclass(frozen=True)
class Facet:
    """A value that the found experiments can be narrowed to, and how many have it."""

    value: str
    count: int


def create(
    session: Session, spec: ExperimentSpec, author: str = "", owner_id: int | None = None
) -> Experiment:
    """Store the experiment and queue all its runs, in the order of :func:`expand`."""
    synthetic = TASKS[spec.task].synthetic
    experiment = Experiment(
        task=spec.task,
        model="teacher–student" if synthetic else spec.model.id,
        data=spec.problem.summary if synthetic else spec.data.source,
        author=author,
        owner_id=owner_id,
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
    summaries.summarise(session, experiment)
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
    query = select(Experiment).where(Experiment.id == experiment_id, visible(Experiment))
    return session.scalars(query).one_or_none()


@dataclass(frozen=True)
class Found:
    """The experiments that a search finds: their numbers in order, and how many of each group.

    A group has one task, model, author and set of methods; ``groups`` are by its newest member.
    """

    ids: list[int]
    groups: dict[int, int]


def find(session: Session, text: str, sort: Sort | None = None) -> Found:
    """As :mod:`.search` reads ``text``, in the order of :mod:`.sorting`; the newest first where
    none is asked for. The one place where a search is evaluated: pages and facets are taken from
    what it found."""
    query = select(Experiment.id, Experiment.group_key).where(condition(text))
    rows = session.execute(query.order_by(*order(sort))).all()
    if sort is not None and sort.endswith(KEPT):
        rows = by_best(session, rows, sort)
    newest = {group: key for key, group in reversed(rows)}
    counts = Counter(group for _, group in rows)
    return Found([key for key, _ in rows], {newest[group]: n for group, n in counts.items()})


def search(
    session: Session, text: str, limit: int, offset: int, sort: Sort | None = None
) -> tuple[list[Listed], int]:
    """One page of what a search finds. Also the number of matches."""
    found = find(session, text, sort)
    return page(session, found.ids[offset : offset + limit]), len(found.ids)


def page(session: Session, ids: Sequence[int]) -> list[Listed]:
    """Experiments by their numbers, in the same order."""
    rows = session.scalars(select(Experiment).where(among(session, Experiment.id, ids)))
    known = {row.id: row for row in rows}
    return list_all(session, [known[key] for key in ids if key in known])


def list_all(session: Session, rows: Sequence[Experiment]) -> list[Listed]:
    """Experiments with their counts, tags and what is ahead."""
    ids = [row.id for row in rows]
    counts, named = count_runs(session, ids), tags(session, ids)
    ahead = best(session, [row for row in rows if counts[row.id]["succeeded"]])
    owners = _names(session, {row.owner_id for row in rows})
    parts = {key: _labels(session, key) for key in audience().in_part.intersection(ids)}
    return [
        Listed(
            row,
            counts[row.id],
            () if row.id in parts else named[row.id],
            ahead.get(row.id),
            parts.get(row.id),
            row.author != "" and owners.get(row.owner_id) == row.author,
        )
        for row in rows
    ]


def _names(session: Session, keys: Iterable[int | None]) -> dict[int | None, str]:
    """The names of these people."""
    people = select(Person.id, Person.name).where(Person.id.in_(set(keys) - {None}))
    return {int(key): str(name) for key, name in session.execute(people)}


def _labels(session: Session, experiment_id: int) -> tuple[str, ...]:
    """The labels of the methods of an experiment's runs, of those that are seen."""
    specs = session.scalars(
        select(Run.spec).where(Run.experiment_id == experiment_id).order_by(Run.id)
    )
    return tuple(dict.fromkeys(label for spec in specs for label in stored.method_labels(spec)))


def listed(session: Session, experiment: Experiment) -> Listed:
    """One experiment with its counts."""
    return list_all(session, [experiment])[0]


def facets(session: Session, found: Found) -> dict[str, list[Facet]]:
    """What the found experiments have in common, most frequent first, by search key."""
    values: dict[str, Counter[str]] = {key: Counter() for key in ("model", "task", "by", "method")}
    rows = session.execute(
        select(
            Experiment.id, Experiment.model, Experiment.task, Experiment.author, Experiment.methods
        ).where(among(session, Experiment.id, list(found.groups)))
    ).all()
    for key, model, task, author, methods in rows:
        count = found.groups[key]
        for name, value in (("model", model), ("task", task), ("by", author)):
            values[name][value] += count
        for method in json.loads(methods or "[]"):
            values["method"][method] += count
    tagged = session.execute(
        select(Tag.name, func.count())
        .where(among(session, Tag.experiment_id, found.ids))
        .group_by(Tag.name)
    ).all()
    return {key: _facet(counts.items()) for key, counts in values.items()} | {"tag": _facet(tagged)}


def _facet(rows: Iterable[Any]) -> list[Facet]:
    known = [Facet(str(value), int(count)) for value, count in rows if value]
    return sorted(known, key=lambda facet: (-facet.count, facet.value))[:MOST_FACETS]


def tags(session: Session, experiment_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The tags of each experiment, in alphabetical order."""
    rows = session.execute(
        select(Tag.experiment_id, Tag.name)
        .where(among(session, Tag.experiment_id, experiment_ids))
        .order_by(Tag.name)
    ).all()
    named: dict[int, tuple[str, ...]] = dict.fromkeys(experiment_ids, ())
    for key, name in rows:
        named[int(key)] = (*named[int(key)], str(name))
    return named


def set_tags(session: Session, experiment_id: int, names: Sequence[str]) -> None:
    """These tags and no others."""
    session.execute(
        delete(Tag).where(Tag.experiment_id == experiment_id),
        execution_options={TOUCHES: experiment_id},
    )
    for name in dict.fromkeys(names):
        session.add(Tag(experiment_id=experiment_id, name=name))
    session.flush()


def count_runs(session: Session, experiment_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many runs of each experiment are in each status."""
    rows = session.execute(
        select(Run.experiment_id, Run.status, func.count())
        .where(among(session, Run.experiment_id, experiment_ids))
        .group_by(Run.experiment_id, Run.status)
    )
    counts = {key: dict.fromkeys(STATUSES, 0) for key in experiment_ids}
    for key, status, count in rows:
        counts[int(key)][str(status)] = int(count)
    return counts


def runs(session: Session, experiment_id: int) -> list[Run]:
    """The experiment's runs in queue order."""
    query: Any = select(Run).where(Run.experiment_id == experiment_id).order_by(Run.id)
    return list(session.scalars(query))


def run_ids(session: Session, experiment_id: int) -> list[int]:
    """The numbers of its runs."""
    query = select(Run.id).where(Run.experiment_id == experiment_id).order_by(Run.id)
    return list(session.scalars(query))


def of_runs(session: Session, ids: Sequence[int]) -> dict[int, list[int]]:
    """The numbers of runs, as far as they are there, by the experiment they are of."""
    query = select(Run.experiment_id, Run.id).where(among(session, Run.id, ids)).order_by(Run.id)
    found: dict[int, list[int]] = {}
    for experiment_id, run_id in session.execute(query):
        found.setdefault(int(experiment_id), []).append(int(run_id))
    return found
