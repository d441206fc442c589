"""Honest summaries of many runs: best learning rates, and whether a difference is real."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from scipy.special import stdtrit

from loraone.analysis import missing, outcomes
from loraone.analysis.compared import (
    Compared,
    MeanAndDeviation,
    compared,
    mean_and_deviation,
)
from loraone.analysis.learning_rates import RELATIVE, rounding, same
from loraone.analysis.outcomes import CANCELLED, FAILED, FINISHED, PENDING, UNMEASURED
from loraone.analysis.step_zero import step_zero
from loraone.analysis.words import count, enumerated, listed, share, told_apart
from loraone.catalog import METRICS

__all__ = [
    "MeanAndDeviation",
    "best_learning_rates",
    "mean_and_deviation",
    "step_zero",
    "verdict",
]

# So many seeds an interval takes, and so many learning rates a method that was tuned.
_SEEDS = _RATES = 3


def best_learning_rates(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """For each (label, rank) the finished runs at the learning rate that is best by ``metric``.

    Rates are compared on equal seeds, and one at which runs failed only with others like it: see
    :func:`loraone.analysis.learning_rates.choose`.

    Args:
        runs: one row per run with ``label``, ``rank``, ``learning_rate``, ``seed``, a column for
            ``metric``, and ``status`` where some of them may not have succeeded; without it a run
            that has no finite value failed.

    Returns rows of ``runs``, in their order.
    """
    best = {(one.label, one.rank): one.choice for one in compared(runs, metric)}
    finished = outcomes.outcomes(runs, metric) == FINISHED
    rows = zip(outcomes.keys(runs), runs["learning_rate"], finished, strict=True)
    kept = []
    for key, rate, is_finished in rows:
        choice = best[key]
        kept.append(bool(is_finished) and choice is not None and choice.best.rate == rate)
    return runs[pd.Series(kept, index=runs.index, dtype=bool)]


def verdict(runs: pd.DataFrame, metric: str) -> str:
    """Which method is ahead at its own best learning rate, and what speaks against believing it.

    The two best are compared by Welch's t interval (95 %), which takes three seeds. Nobody is lost:
    then come what failed, what is not there yet, and the reservations about learning rates.

    Args:
        runs: all runs, as for :func:`best_learning_rates`.
        metric: what they are judged by.
    """
    found = compared(runs, metric)
    ranking = [one for one in found if one.estimate is not None]
    if not ranking:
        return missing.sentence(runs, metric)
    sentences = [
        _comparison(ranking, metric),
        *_failures(found),
        *_absent(found, metric),
        *_unequal(ranking),
        *_reservations(ranking),
    ]
    return " ".join(sentences)


def _comparison(ranking: list[Compared], metric: str) -> str:
    name = METRICS[metric].label.lower()
    leader, first = ranking[0], _estimate(ranking[0])
    if len(ranking) == 1:
        lead = f"At its own best learning rate {leader.name} has the best {name} ({first.mean:.3g})"
        return f"{lead}; there is nothing to compare it with yet."
    tied = [one for one in ranking if same(_estimate(one).mean, first.mean, metric)]
    if len(tied) > 1:
        return _tie(tied, name, first.mean)
    second = _estimate(ranking[1])
    mean, other = told_apart(first.mean, second.mean)
    lead = f"At its own best learning rate {leader.name} has the best {name} ({mean})"
    runner_up = f"{ranking[1].name} ({other})"
    if leader.survivor:
        return (
            f"Undecided for lack of survivors: {leader.name} has the best {name} ({mean}), before "
            f"{runner_up}, but {_failed_at_best(leader)}: run them again, or at a lower learning "
            "rate."
        )
    if min(first.n, second.n) < _SEEDS:
        return (
            f"{lead}, before {runner_up}, but with {_seeds([first.n, second.n])} this cannot be "
            "told from seed noise: run at least three."
        )
    if all(_still(estimate, metric) for estimate in (first, second)):
        return (
            f"{lead}, before {runner_up}, but every seed gave the same value, so there is no seed "
            "noise to hold the difference against."
        )
    half = _half_width(first, second)
    gap = abs(first.mean - second.mean)
    shown = f"{gap:.2g} ± {half:.2g} (95 %, {_seeds([first.n, second.n])})"
    if gap <= half:
        return (
            f"{leader.name} ({mean}) and {runner_up} are within seed noise of each other in "
            f"{name}: difference {shown}."
        )
    return f"{lead}; it is ahead of {runner_up} beyond seed noise: {shown}."


def _estimate(one: Compared) -> MeanAndDeviation:
    assert one.estimate is not None, "only methods with results are ranked"
    return one.estimate


def _still(estimate: MeanAndDeviation, metric: str) -> bool:
    """Whether seeds change the values by no more than rounding."""
    return (estimate.std or 0.0) <= RELATIVE * abs(estimate.mean) + rounding(metric)


def _tie(tied: list[Compared], name: str, mean: float) -> str:
    """Of methods whose difference is rounding nobody is ahead."""
    equal = f"{listed([one.name for one in tied])} have the same {name} ({mean:.3g})"
    seeds = [_estimate(one).n for one in tied]
    broken = [_failed_at_best(one) for one in tied if one.survivor]
    if broken:
        return f"At their own best learning rates {equal}, but {listed(broken)}."
    if min(seeds) < _SEEDS:
        return (
            f"At their own best learning rates {equal}, but with {_seeds(seeds)} this cannot be "
            "told from seed noise: run at least three."
        )
    return f"At their own best learning rates {equal} up to rounding ({_seeds(seeds)})."


def _failed_at_best(one: Compared) -> str:
    assert one.choice is not None
    best = one.choice.best
    return f"{share(best.failed, best.runs)} of {one.name} failed even there"


def _seeds(numbers: Sequence[int]) -> str:
    """``8 seeds`` where all have as many, else ``8 and 3 seeds``."""
    if len(set(numbers)) == 1:
        return "one seed" if numbers[0] == 1 else count(numbers[0], "seed")
    return f"{listed([str(n) for n in numbers])} seeds"


def _failures(found: list[Compared]) -> list[str]:
    """How many runs of each method failed, and where."""
    sentences = []
    for one in found:
        failed = one.counts[FAILED]
        if not failed:
            continue
        if one.choice is None:
            yet = " yet" if one.counts[PENDING] else ""
            sentences.append(
                f"{one.name}: {share(failed, one.runs)} failed, so it is not in this comparison"
                f"{yet}."
            )
            continue
        where = [(tried.failed, tried.runs, tried.rate) for tried in one.tried if tried.failed]
        parts = [f"{share(*where[0][:2])} failed at learning rate {where[0][2]:g}"]
        parts += [f"{few} of {all_} at {rate:g}" for few, all_, rate in where[1:]]
        sentences.append(f"{one.name}: {', '.join(parts)}.")
    return sentences


def _absent(found: list[Compared], metric: str) -> list[str]:
    """What the plan holds that the comparison does not."""
    name = METRICS[metric].label.lower()
    heads = {
        PENDING: "Not finished yet",
        CANCELLED: "Cancelled",
        UNMEASURED: f"Finished without {name}",
    }
    sentences = []
    for kind, head in heads.items():
        parts = [
            f"{one.name} ({share(one.counts[kind], one.runs)})" for one in found if one.counts[kind]
        ]
        if parts:
            sentences.append(f"{head}: {', '.join(parts)}.")
    return sentences


def _unequal(ranking: list[Compared]) -> list[str]:
    """On what the best learning rates were chosen, where not all of them have the same seeds."""
    said: dict[str, list[str]] = {}
    for one in ranking:
        choice = one.choice
        if choice is None:
            continue
        if choice.unequal and choice.shared:
            seeds = _seeds([len(choice.shared)])
            text = f"The learning rates of {{}} are compared on the {seeds} that all of them have."
            said.setdefault(text, []).append(one.name)
        elif choice.unequal:
            text = "The learning rates of {} share no seed, so each is judged by its own seeds."
            said.setdefault(text, []).append(one.name)
        if choice.waiting:
            rates = enumerated([f"{rate:g}" for rate in choice.waiting])
            text = f"Learning rates of {{}} with too few seeds to be compared: {rates}."
            said.setdefault(text, []).append(one.name)
    return [text.format(listed(names)) for text, names in said.items()]


def _reservations(ranking: list[Compared]) -> list[str]:
    """What a reader must know about the learning rates before believing the comparison.

    A rate at which all runs failed was tried: the best one beside it is not at the edge.
    """
    few, edge = [], []
    for one in ranking:
        tried = [each.rate for each in one.tried if each.values or each.failed]
        if len(tried) < _RATES:
            few.append(one.name)
        elif one.choice is not None and one.choice.best.rate in (tried[0], tried[-1]):
            edge.append(one.name)
    sentences = []
    if few:
        sentences.append(f"Fewer than three learning rates, so not tuned: {enumerated(few)}.")
    if edge:
        sentences.append(f"Best learning rate at the edge of the grid: {enumerated(edge)}.")
    return sentences


def _half_width(first: MeanAndDeviation, second: MeanAndDeviation) -> float:
    """Half of Welch's 95 % interval of the difference of two means, one of which varies."""
    errors = [(e.std or 0.0) / math.sqrt(e.n) for e in (first, second)]
    error = math.hypot(*errors)
    of_first, of_second = ((each / error) ** 2 for each in errors)
    freedom = 1 / (of_first**2 / (first.n - 1) + of_second**2 / (second.n - 1))
    return float(stdtrit(freedom, 0.975)) * error
