"""A basket: the runs that are looked at together, named in a way that fits into a URL.

``e3`` is an experiment, ``e3:LoRA`` one method of it by its label, ``r12`` a single run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError, NotFoundError
from backend.results import queries
from backend.storage.audience import Shared
from backend.storage.store import experiments
from backend.storage.store.visible import visible
from backend.storage.tables import Experiment, Run
from loraone.analysis import verdicts
from loraone.catalog import TASKS

MOST_ITEMS = 64
# Of an item, which may hold a label, and of a label with what was swept.
MOST_LENGTH = 500
# Of all items in an address, and of all labels: so both fit into one beside whatever else a view
# has (:data:`backend.web.request_checks.MOST_TARGET`). The page makes none that are longer.
MOST_LINK = 6_000
MOST_LABELS = 500
MOST_RUNS = 2000
ALLOWED = "e<experiment>, e<experiment>:<method>, or r<run>, such as e3, e3:LoRA, r12"
_ITEM = re.compile(r"(?P<kind>[er])(?P<key>[1-9]\d{0,9})(?::(?P<label>.+))?")


@dataclass(frozen=True)
class Basket:
    """Experiments and chosen runs of them; ``frame`` has a row for each run, ``rows`` the same.

    With several experiments, labels and series carry their experiment's number: a method of two
    experiments is two things to compare, never one with more seeds.
    """

    experiments: list[Experiment]
    rows: list[Run]
    frame: pd.DataFrame

    @property
    def ids(self) -> list[int]:
        """The runs' ids, in the order of the frame."""
        return [int(key) for key in self.frame["run_id"]]

    @property
    def judges(self) -> list[str]:
        """What all its runs can be judged by, the usual one first; where there is no such metric,
        what some of them can be judged by."""
        of_each = [TASKS[row.task].judges for row in self.experiments if row.task in TASKS]
        if not of_each:
            return ["eval_loss"]
        shared = [name for name in of_each[0] if all(name in names for names in of_each)]
        return shared or list(dict.fromkeys(name for names in of_each for name in names))

    def without(self, judge: str) -> list[Experiment]:
        """Its experiments whose task is not measured by ``judge``."""
        tasks = [(row, TASKS.get(row.task)) for row in self.experiments]
        return [row for row, task in tasks if task is not None and judge not in task.judges]

    @property
    def layers(self) -> list[str]:
        """The target layers of the first run that knows them."""
        return queries.layer_names(self.rows)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of every one of :attr:`layers`."""
        known = next((run.layers for run in self.rows if run.layers), None)
        if known is None:
            return []
        return list(zip(known["out_features"], known["in_features"], strict=True))

    @property
    def rank(self) -> int | None:
        """The rank, where all runs that have one have the same."""
        ranks = self.frame["rank"].dropna().unique()
        return int(ranks[0]) if len(ranks) == 1 else None

    def only(self, frame: pd.DataFrame) -> Basket:
        """These rows of the frame alone."""
        kept = set(frame["run_id"])
        return replace(self, rows=[run for run in self.rows if run.id in kept], frame=frame)

    def labelled(self, labels: list[str] | None) -> Basket:
        """The methods with these labels alone; all where none are named.

        Raises InvalidError where they are too long together.
        """
        _check_length("labels", labels or ())
        return self.only(self.frame[self.frame["label"].isin(labels)]) if labels else self

    def at_best(self, judge: str) -> Basket:
        """Each method at its own best learning rate; what has not finished, and what was picked
        as a single run, stays."""
        best = verdicts.best_learning_rates(self.frame, judge)
        unfinished = ~self.frame["series"].isin(best["series"])
        kept = self.frame["run_id"].isin(best["run_id"]) | unfinished | self.frame["picked"]
        return self.only(self.frame[kept])._without_failed()._with_rates()

    def at_all(self) -> Basket:
        """Every run; a series of several learning rates becomes one for each."""
        return self._without_failed()._with_rates()

    def _without_failed(self) -> Basket:
        """A run that failed is no part of a mean over others: where there are others it is left
        out, unless it was picked; where there are none it is a series that is called so."""
        frame = self.frame
        failed = frame["status"] == "failed"
        others = (~frame["status"].isin(["failed", "cancelled"])).astype(int)
        rates = [frame["series"], frame["learning_rate"]]
        only = (others.groupby(rates).transform("sum") == 0) | frame["picked"]
        named = frame["series"].where(~failed, frame["series"] + ", failed")
        return self.only(frame.assign(series=named)[~failed | only])

    def _with_rates(self) -> Basket:
        frame = self.frame
        rates = frame.groupby("series")["learning_rate"].nunique()
        named = [
            f"{series}, lr {rate:g}" if rates[series] > 1 else series
            for series, rate in zip(frame["series"], frame["learning_rate"], strict=True)
        ]
        return replace(self, frame=frame.assign(series=pd.Series(named, frame.index, "str")))

    def of_one_model(self) -> Basket:
        """The runs whose layers are those of the first one that knows them."""
        names = self.layers
        other = {run.id for run in self.rows if run.layers and list(run.layers["names"]) != names}
        return self.only(self.frame[~self.frame["run_id"].isin(other)])


@dataclass(frozen=True)
class _Item:
    """One item as it was written: an experiment or a method of it, or else a run."""

    text: str
    key: int
    single: bool
    label: str | None

    @classmethod
    def parse(cls, text: str) -> _Item:
        match = _ITEM.fullmatch(text)
        if match is None or (match["kind"] == "r" and match["label"] is not None):
            raise _wrong(text, "this names no experiment, method or run", ALLOWED)
        return cls(text, int(match["key"]), match["kind"] == "r", match["label"])


def read(session: Session, items: Sequence[str]) -> Basket:
    """The basket that ``items`` name.

    Raises InvalidError where one is malformed or they are too long together, NotFoundError where
    one is not there.
    """
    _check_length("of", items)
    wanted = [_Item.parse(text) for text in dict.fromkeys(items)]
    singles = _by_id(session, Run, [item.key for item in wanted if item.single], "run")
    keys = [singles[item.key].experiment_id if item.single else item.key for item in wanted]
    order = list(dict.fromkeys(keys))
    known = _by_id(session, Experiment, order, "experiment")
    whole = [item for item in wanted if not item.single]
    rows = {run.id: run for item in whole for run in _runs(session, item)}
    picked = set(singles) - set(rows)
    rows |= singles
    if len(rows) > MOST_RUNS:
        raise _wrong(len(rows), "too many runs to look at together", f"1 to {MOST_RUNS}")
    ordered = sorted(rows.values(), key=lambda run: (order.index(run.experiment_id), run.id))
    frame = queries.runs(ordered)
    frame = frame.assign(picked=frame["run_id"].isin(picked))
    return Basket([known[key] for key in order], ordered, frame)


def _runs(session: Session, item: _Item) -> list[Run]:
    """The runs of an experiment, or of one method of it."""
    rows = experiments.runs(session, item.key)
    if item.label is None:
        return rows
    chosen = [run for run in rows if run.label == item.label]
    if not chosen:
        labels = ", ".join(dict.fromkeys(run.label for run in rows))
        raise _wrong(item.text, f"experiment {item.key} has no such method", labels)
    return chosen


def shared(session: Session, items: Sequence[str]) -> Shared:
    """What a share link of these items shows: experiments as a whole where they are named so, and
    of others the runs that are in it now."""
    wanted = [_Item.parse(text) for text in items]
    found = read(session, items)
    whole = {item.key for item in wanted if not item.single and item.label is None}
    parts = [run for run in found.rows if run.experiment_id not in whole]
    return Shared(
        frozenset(whole),
        frozenset(run.id for run in parts),
        frozenset(run.experiment_id for run in parts),
    )


Row = TypeVar("Row", Run, Experiment)


def _by_id(session: Session, table: type[Row], keys: list[int], noun: str) -> dict[int, Row]:
    query = select(table).where(table.id.in_(keys), visible(table))
    rows = {row.id: row for row in session.scalars(query)}
    for key in keys:
        if key not in rows:
            raise NotFoundError(noun, key)
    return rows


def _check_length(field: str, texts: Sequence[str]) -> None:
    """As a page writes them into an address, each with its name."""
    length = sum(len(quote(text, safe="!'()*")) + len(field) + 2 for text in texts)
    if length > MOST_LINK:
        message = "these names are too long together"
        allowed = f"up to {MOST_LINK} characters in an address"
        raise InvalidError(FieldProblem(field, message, length, allowed))


def _wrong(value: str | int, message: str, allowed: str) -> InvalidError:
    return InvalidError(FieldProblem("of", message, value, allowed))
