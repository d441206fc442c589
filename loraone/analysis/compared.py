"""Each method at one rank, with all of its runs: what finished, what failed, what is to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loraone.analysis import outcomes
from loraone.analysis.learning_rates import Choice, Tried, by_rate, choose
from loraone.analysis.outcomes import FAILED, FINISHED, KINDS
from loraone.catalog import METRICS

# Learning rate, seed, value, outcome.
_Row = tuple[float, int, float, str]


@dataclass(frozen=True)
class MeanAndDeviation:
    """Mean and standard deviation over ``n`` seeds; the deviation is None for one seed."""

    mean: float
    std: float | None
    n: int


def mean_and_deviation(values: pd.Series[float]) -> MeanAndDeviation | None:
    """Of the finite numbers of a column, in whatever order; None where it has none.

    Equal numbers have no deviation, nor one of what their sum was rounded by.
    """
    known = np.sort(values.to_numpy("float64", na_value=np.nan))
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    std = float(known.std(ddof=1)) if len(known) > 1 else None
    if std is not None and known[0] == known[-1]:
        return MeanAndDeviation(float(known[0]), 0.0, len(known))
    return MeanAndDeviation(float(known.mean()), std, len(known))


@dataclass(frozen=True)
class Compared:
    """One method at one rank. ``counts`` says what became of its runs, ``tried`` at which rates.

    ``choice`` is its best learning rate, and ``estimate`` its result there; None without results.
    """

    name: str
    label: str
    rank: float | None
    counts: dict[str, int]
    tried: list[Tried]
    choice: Choice | None
    estimate: MeanAndDeviation | None

    @property
    def runs(self) -> int:
        """All of its runs, whatever became of them."""
        return sum(self.counts.values())

    @property
    def survivor(self) -> bool:
        """Whether runs failed even at its best learning rate."""
        return self.choice is not None and self.choice.best.failed > 0


def compared(runs: pd.DataFrame, metric: str) -> list[Compared]:
    """The methods, best first, then those without results; the order of rows changes nothing."""
    groups: dict[tuple[str, float | None], list[_Row]] = {}
    rows = zip(
        outcomes.keys(runs),
        runs["learning_rate"].astype("float64"),
        runs["seed"],
        outcomes.values(runs, metric),
        outcomes.outcomes(runs, metric),
        strict=True,
    )
    for key, rate, seed, value, outcome in rows:
        groups.setdefault(key, []).append((rate, seed, value, outcome))
    keys = sorted(groups, key=lambda key: (key[0], key[1] or 0.0))
    names = outcomes.names([key[0] for key in keys], [key[1] for key in keys])
    found = [_one(name, key, groups[key], metric) for name, key in zip(names, keys, strict=True)]
    sign = -1 if METRICS[metric].better == "higher" else 1

    def place(one: Compared) -> tuple[bool, float, int, int]:
        mean = sign * one.estimate.mean if one.estimate else 0.0
        return one.estimate is None, mean, one.counts[FAILED], one.runs

    return sorted(found, key=place)


def _one(name: str, key: tuple[str, float | None], group: list[_Row], metric: str) -> Compared:
    ends = [outcome for *_, outcome in group]
    tried = by_rate(
        (rate, seed, value if outcome == FINISHED else None, outcome == FAILED)
        for rate, seed, value, outcome in group
    )
    choice = choose(tried, metric)
    estimate = mean_and_deviation(pd.Series([*choice.best.values.values()])) if choice else None
    return Compared(name, *key, {kind: ends.count(kind) for kind in KINDS}, tried, choice, estimate)
