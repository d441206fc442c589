"""Which learning rate of a method is its best one, where runs fail or are not there yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loraone.catalog import METRICS

# What float32 does not tell apart: of two values relative to them, and of losses near zero.
RELATIVE, ABSOLUTE = 1e-6, 1e-7


@dataclass(frozen=True)
class Tried:
    """What one method's runs at one learning rate came to.

    ``values`` are those of the runs that finished, by seed: a seed that ran twice has their mean.
    """

    rate: float
    values: Mapping[int, float]
    failed: int = 0
    runs: int = 0

    @property
    def seeds(self) -> frozenset[int]:
        """The seeds that finished."""
        return frozenset(self.values)

    def mean(self, seeds: frozenset[int]) -> float:
        """Over these seeds; the same in whatever order they ran."""
        return _mean([self.values[seed] for seed in seeds])


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum of what has diverged; the mean is a number still
        return math.fsum(value / len(values) for value in values)


def by_rate(runs: Iterable[tuple[float, int, float | None, bool]]) -> list[Tried]:
    """Of one method's runs, each as (learning rate, seed, value if it finished, whether it failed),
    what was tried at each rate, the smallest first."""
    found: dict[float, list[tuple[int, float | None, bool]]] = {}
    for rate, seed, value, failed in runs:
        found.setdefault(rate, []).append((seed, value, failed))
    tried = []
    for rate, group in sorted(found.items()):
        of_seed: dict[int, list[float]] = {}
        for seed, value, _ in group:
            if value is not None:
                of_seed.setdefault(seed, []).append(value)
        values = {seed: _mean(again) for seed, again in sorted(of_seed.items())}
        tried.append(Tried(rate, values, sum(failed for *_, failed in group), len(group)))
    return tried


@dataclass(frozen=True)
class Choice:
    """The best of the learning rates that a method tried, and what it was chosen on.

    ``shared`` are the seeds that all compared rates have, none where they have none in common;
    ``waiting`` are rates with so few of the seeds that they were not compared.
    """

    best: Tried
    compared: Sequence[Tried]
    shared: frozenset[int]
    waiting: Sequence[float] = ()

    @property
    def unequal(self) -> bool:
        """Whether some rate has seeds that the comparison had to leave out."""
        return any(tried.seeds != self.shared for tried in self.compared)


def rounding(metric: str) -> float:
    """What values of a metric near zero may differ by without meaning it. Losses that are drawn on
    a logarithm are meant down to their last decade."""
    return 0.0 if METRICS[metric].axis == "log" else ABSOLUTE


def same(one: float, other: float, metric: str) -> bool:
    """Whether two values of a metric differ by no more than rounding."""
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=rounding(metric))


def choose(tried: Sequence[Tried], metric: str) -> Choice | None:
    """The best rate by a metric; None where no run finished.

    A rate that has fewer than half of the seeds of another one waits, for it would decide by them
    alone. Survivors are not compared with what is complete: of the others only the rates with the
    fewest failed runs are, by their means over the seeds that all of them have. Of rates that
    rounding does not tell apart the smallest is taken.
    """
    finished = sorted((each for each in tried if each.values), key=lambda each: each.rate)
    if not finished:
        return None
    most = max(len(each.values) for each in finished)
    tried_enough = [each for each in finished if 2 * len(each.values) >= most]
    fewest = min(each.failed for each in tried_enough)
    compared = [each for each in tried_enough if each.failed == fewest]
    shared = frozenset.intersection(*(each.seeds for each in compared))
    means = [each.mean(shared or each.seeds) for each in compared]
    ahead = max(means) if METRICS[metric].better == "higher" else min(means)
    best = next(e for e, mean in zip(compared, means, strict=True) if same(mean, ahead, metric))
    waiting = [each.rate for each in finished if each not in tried_enough and not each.failed]
    return Choice(best, compared, shared, waiting)
