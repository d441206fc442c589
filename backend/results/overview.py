"""Answers to a reader's questions about a basket, and the table behind them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from pydantic_core import to_json
from sqlalchemy.orm import Session

from backend.errors import cut, shortened
from backend.results import queries
from backend.results.basket import Basket
from loraone.analysis import outcomes, verdicts
from loraone.analysis.verdicts import MeanAndDeviation
from loraone.analysis.words import listed
from loraone.catalog import METRICS, OVERVIEW, TASKS, Quantity
from loraone.spec import diff
from loraone.spec.diff import Difference, Field

_COLUMNS = tuple(row.as_shown for row in OVERVIEW)
# Of these the first that runs have is drawn small beside each method.
_SPARK = tuple(row.name for row in METRICS.values() if row.spark)
_SPARK_POINTS = 20
# What the answers to questions, and all differences, may take.
MOST_SAID, MOST_DIFFERENCES = 10_000, 1_000_000
_MOST_FIELDS = 300
# Groups, values of each, letters of a value and a field.
_SHORTER = ((200, 2000, 10_000), (64, 20, 200), (64, 5, 60), (16, 3, 40), (4, 1, 40))


@dataclass(frozen=True)
class MethodRow:
    """A method at its own best learning rate; ``item`` is how a basket names it, ``series`` how
    figures do, ``failed`` how many of its runs came to nothing, ``curve`` its training loss in a
    few points."""

    item: str
    method: str
    label: str
    series: str
    rank: int | None
    learning_rate: float | None
    finished: int
    failed: int
    runs: int
    values: dict[str, MeanAndDeviation]
    curve: list[float]


@dataclass(frozen=True)
class Answer:
    """What the runs say to a question."""

    question: str
    answer: str


@dataclass(frozen=True)
class Overview:
    """The verdict in a sentence, answers to further questions, and the table behind them."""

    metric: str
    judges: list[Quantity]
    verdict: str
    answers: list[Answer]
    columns: list[Quantity]
    rows: list[MethodRow]
    differences: list[Difference]


def overview(session: Session, basket: Basket, judge: str) -> Overview:
    """Each method at its own best learning rate, and what can be said of them."""
    frame = _as_shown(basket.frame)
    best = verdicts.best_learning_rates(frame, judge)
    frame = frame.assign(failed=outcomes.outcomes(frame, judge) == outcomes.FAILED)
    sparks = _sparks(session, best)
    rows = _rows(basket, frame, best, sparks)
    shown = {name for row in rows for name in row.values}
    differ = between(basket)
    judged = _verdicts(basket, frame, judge, differ)
    before = verdicts.step_zero(frame[frame["status"] == "succeeded"])
    questions = [
        *judged,
        (f"Do all of them have {METRICS[judge].label.lower()}?", _without(basket, judge)),
        ("Did the initialisation help at step 0?", before),
    ]
    return Overview(
        metric=judge,
        judges=[METRICS[name] for name in dict.fromkeys([*basket.judges, judge])],
        verdict=shortened(" ".join(sentence for _, sentence in judged), MOST_SAID),
        answers=[
            Answer(asked, shortened(sentence, MOST_SAID))
            for asked, sentence in questions
            if sentence
        ],
        columns=[column for column in _COLUMNS if column.name in shown],
        rows=rows,
        differences=_listed(differ),
    )


def _listed(differ: list[Difference]) -> list[Difference]:
    """As an answer lists them: of very many groups, fields and values the first, with long values
    cut, so that all of them fit. Files of the runs have them all."""
    for groups, values, letters in _SHORTER:
        shown = [
            Difference(
                Field(cut(each.field.path, letters), cut(each.field.title, letters)),
                {
                    name: [_cut(one, letters) for one in of[:values]]
                    for name, of in islice(each.values.items(), groups)
                },
            )
            for each in differ[:_MOST_FIELDS]
        ]
        if len(to_json([[each.field.path, each.field.title, each.values] for each in shown])) < (
            MOST_DIFFERENCES
        ):
            break
    return shown


def _cut(value: object, letters: int) -> object:
    return cut(value, letters) if isinstance(value, str) else value


def _as_shown(frame: pd.DataFrame) -> pd.DataFrame:
    """With columns in the units that people see, where those are others."""
    shown = {row.name: row.shown for row in OVERVIEW if row.shown}
    return frame.assign(**{to.name: frame[name] / to.size for name, to in shown.items()})


_WHICH = "Which method{}, each at its own best learning rate?"


def _verdicts(
    basket: Basket, frame: pd.DataFrame, judge: str, differ: list[Difference]
) -> list[tuple[str, str]]:
    """Which method is ahead; of experiments about different problems for each of them alone."""
    if len(basket.experiments) == 1:
        return [(_WHICH.format(""), verdicts.verdict(frame, judge))]
    same = "They share everything that was asked for, apart from what is compared."
    answers = [("Can these be compared?", diff.reservations(differ) or same)]
    if diff.comparable(differ):
        return [*answers, (_WHICH.format(""), verdicts.verdict(frame, judge))]
    for origin in dict.fromkeys(basket.frame["origin"]):
        own = frame[frame["origin"] == origin]
        answers.append((_WHICH.format(f" of {origin}"), verdicts.verdict(own, judge)))
    return answers


def _without(basket: Basket, judge: str) -> str:
    """Which experiments are of a kind that the judge is not measured in, and what to take."""
    lacking = basket.without(judge)
    if not lacking:
        return ""
    kinds: dict[str, list[str]] = {}
    for row in lacking:
        kinds.setdefault(row.task, []).append(f"#{row.id} {row.name}")
    named = [f"{listed(names)} ({TASKS[task].label.lower()})" for task, names in kinds.items()]
    shared = [name for name in basket.judges if not basket.without(name)]
    if not shared:
        return f"Not {listed(named)}, and there is nothing that all of them have."
    others = listed([METRICS[name].label.lower() for name in shared], "or")
    return f"Not {listed(named)}. What all of them have is {others}."


def _rows(
    basket: Basket, frame: pd.DataFrame, best: pd.DataFrame, sparks: dict[str, list[float]]
) -> list[MethodRow]:
    """A row for each method at each rank. There may be as many as runs, so that none of them asks
    a frame for its own."""
    estimates = _estimates(best)
    rates = dict(zip(_keys(best), best["learning_rate"], strict=True))
    experiments = {run.id: (run.experiment_id, run.label) for run in basket.rows}
    succeeded = frame["status"] == "succeeded"
    groups: dict[tuple[str, int | None], list[int]] = {}
    for place, key in enumerate(_keys(frame)):
        groups.setdefault(key, []).append(place)
    columns = {name: frame[name].tolist() for name in ("run_id", "method", "series", "failed")}
    ended = succeeded.tolist()
    rows = []
    for (label, rank), places in groups.items():
        run_id, method, series = (
            columns[name][places[0]] for name in ("run_id", "method", "series")
        )
        experiment, own_label = experiments[int(run_id)]
        rate = rates.get((label, rank))
        rows.append(
            MethodRow(
                item=f"e{experiment}:{own_label}",
                method=str(method),
                label=label,
                series=str(series),
                rank=rank,
                learning_rate=None if rate is None else float(rate),
                finished=sum(ended[place] for place in places),
                failed=sum(columns["failed"][place] for place in places),
                runs=len(places),
                values=estimates.get((label, rank), {}),
                curve=sparks.get(str(series), []),
            )
        )
    return rows


def _keys(frame: pd.DataFrame) -> list[tuple[str, int | None]]:
    """Label and rank of each row."""
    ranks = [None if pd.isna(rank) else int(rank) for rank in frame["rank"].tolist()]
    return list(zip(map(str, frame["label"].tolist()), ranks, strict=True))


def _estimates(
    best: pd.DataFrame,
) -> dict[tuple[str, int | None], dict[str, MeanAndDeviation]]:
    """What each method came to, by column."""
    found: dict[tuple[str, int | None], dict[str, MeanAndDeviation]] = {}
    keys = _keys(best)
    for column in _COLUMNS:
        values: dict[tuple[str, int | None], list[float]] = {}
        for key, value in zip(keys, best[column.name].tolist(), strict=True):
            if value is not None and not pd.isna(value):
                values.setdefault(key, []).append(float(value))
        for key, some in values.items():
            estimate = verdicts.mean_and_deviation(pd.Series(some))
            if estimate is not None:
                found.setdefault(key, {})[column.name] = estimate
    return found


def _sparks(session: Session, best: pd.DataFrame) -> dict[str, list[float]]:
    """The training loss of each series, mean over seeds and over as many steps as a small line
    can tell apart: single batches are noise."""
    ids = [int(key) for key in best["run_id"]]
    for name in _SPARK:
        values = queries.metrics(session, ids, name)
        if not values.empty:
            break
    joined = values.merge(best[["run_id", "series"]], on="run_id")
    curves = {}
    for series, line in joined.groupby("series"):
        means = line.groupby("step")["value"].mean().to_numpy()
        parts = np.array_split(means, min(len(means), _SPARK_POINTS))
        curves[str(series)] = [float(part.mean()) for part in parts]
    return curves


def between(basket: Basket) -> list[Difference]:
    """What differs between the basket's experiments, or within one between its methods, of which
    one at two ranks is two."""
    several = len(basket.experiments) > 1
    names = dict(zip(basket.frame["run_id"], basket.frame["series"], strict=True))
    titles = {row.id: f"#{row.id} {row.name}" for row in basket.experiments}
    groups: dict[str, list[dict[str, object]]] = {}
    for run in basket.rows:
        name = titles[run.experiment_id] if several else str(names[run.id])
        groups.setdefault(name, []).append(run.spec)
    return diff.between(groups)
