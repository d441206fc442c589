"""Honest summaries of many runs: seeds, best learning rates, and whether a difference is real."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.special import stdtrit

from loraone.catalog import METRICS


@dataclass(frozen=True)
class MeanAndDeviation:
    """Mean and standard deviation over ``n`` seeds; the deviation is None for one seed."""

    mean: float
    std: float | None
    n: int


def mean_and_deviation(values: pd.Series[float]) -> MeanAndDeviation | None:
    """Of the numbers of a column, or None where it has none."""
    known = values.dropna()
    if known.empty:
        return None
    std = float(known.std(ddof=1)) if len(known) > 1 else None
    return MeanAndDeviation(float(known.mean()), std, len(known))


def best_learning_rates(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """For each (label, rank) the learning rate whose mean over seeds of ``metric`` is best.

    Args:
        runs: one row per finished run with ``label``, ``rank``, ``learning_rate``, ``seed`` and a
            column for ``metric``.

    Returns the rows of ``runs`` at those learning rates, in the order of ``runs``.
    """
    known = runs.dropna(subset=[metric])
    if known.empty:
        return known
    keys = ["label", "rank"]
    means = known.groupby([*keys, "learning_rate"], dropna=False)[metric].mean().reset_index()
    ascending = METRICS[metric].better != "higher"
    best = means.sort_values(metric, ascending=ascending, kind="stable").drop_duplicates(keys)
    chosen = best[[*keys, "learning_rate"]]
    return known.reset_index().merge(chosen, on=[*keys, "learning_rate"]).set_index("index")


def verdict(runs: pd.DataFrame, metric: str) -> str:
    """Which method is ahead at its own best learning rate, and what speaks against believing it.

    The two best are compared by Welch's t interval (95 %), which takes three seeds; then come the
    reservations: too few seeds, too few learning rates, a best rate at the edge of its grid.

    Args:
        runs: the finished runs, as for :func:`best_learning_rates`.
        metric: what they are judged by.
    """
    row = METRICS[metric]
    name = row.label.lower()
    best = best_learning_rates(runs, metric)
    if best.empty:
        return "No run has finished yet."
    ranking = [
        (str(label), result)
        for (label, _), group in best.groupby(["label", "rank"], dropna=False, sort=False)
        if (result := mean_and_deviation(group[metric])) is not None
    ]
    ranking.sort(key=lambda item: item[1].mean, reverse=row.better == "higher")
    sentences = [_comparison(ranking, name), *_reservations(runs, best, metric)]
    return " ".join(sentences)


def _comparison(ranking: list[tuple[str, MeanAndDeviation]], name: str) -> str:
    first_label, first = ranking[0]
    lead = f"At its own best learning rate {first_label} has the best {name} ({first.mean:.3g})"
    if len(ranking) == 1:
        return f"{lead}; there is nothing to compare it with yet."
    second_label, second = ranking[1]
    if min(first.n, second.n) < 3:
        count = min(first.n, second.n)
        seeds = "one seed" if count == 1 else f"{count} seeds"
        return (
            f"{lead}, before {second_label} ({second.mean:.3g}), but with {seeds} this cannot be "
            "told from seed noise: run at least three."
        )
    half = _half_width(first, second)
    gap = abs(first.mean - second.mean)
    shown = f"{gap:.2g} ± {half:.2g} (95 %, {first.n} seeds)"
    if gap <= half:
        return (
            f"{first_label} ({first.mean:.3g}) and {second_label} ({second.mean:.3g}) are within "
            f"seed noise of each other in {name}: difference {shown}."
        )
    return f"{lead}; it is ahead of {second_label} ({second.mean:.3g}) beyond seed noise: {shown}."


def _reservations(runs: pd.DataFrame, best: pd.DataFrame, metric: str) -> list[str]:
    """What a reader must know about the learning rates before believing the comparison."""
    few, edge = [], []
    for label, group in runs.dropna(subset=[metric]).groupby("label", sort=False):
        tried = sorted(set(group["learning_rate"]))
        chosen = set(best.loc[best["label"] == label, "learning_rate"])
        if len(tried) < 3:
            few.append(str(label))
        elif chosen & {tried[0], tried[-1]}:
            edge.append(str(label))
    sentences = []
    if few:
        sentences.append(f"Fewer than three learning rates, so not tuned: {', '.join(few)}.")
    if edge:
        sentences.append(f"Best learning rate at the edge of the grid: {', '.join(edge)}.")
    return sentences


# A smaller share of the loss is rounding, or nothing that training would notice.
_UNMOVED = 1e-3


def step_zero(runs: pd.DataFrame) -> str:
    """What each initialisation did to the held-out loss before any training, in a sentence.

    Args:
        runs: ``label``, ``held_out_loss_before``, ``held_out_loss_after``; means over seeds count.
    """
    known = runs.dropna(subset=["held_out_loss_before", "held_out_loss_after"])
    parts: dict[str, list[str]] = {"lowered": [], "raised": [], "left it as it was": []}
    means = known.groupby("label", sort=False)[["held_out_loss_before", "held_out_loss_after"]]
    for label, before, after in means.mean().itertuples():
        if abs(after - before) <= _UNMOVED * abs(before):
            parts["left it as it was"].append(str(label))
        else:
            word = "lowered" if after < before else "raised"
            parts[word].append(f"{label} ({before:.3g} to {after:.3g})")
    clauses = [
        f"{_listed(parts[word])} {word} the held-out loss"
        for word in ("lowered", "raised")
        if parts[word]
    ]
    if unmoved := parts["left it as it was"]:
        what = "it" if clauses else "the held-out loss"
        clauses.append(f"{_listed(unmoved)} left {what} as it was")
    return "; ".join(clauses) + "." if clauses else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _half_width(first: MeanAndDeviation, second: MeanAndDeviation) -> float:
    """Half of Welch's 95 % interval of the difference of two means."""
    variance, other = (((e.std or 0.0) ** 2) / e.n for e in (first, second))
    total = variance + other
    if total == 0:
        return 0.0
    freedom = total**2 / (variance**2 / (first.n - 1) + other**2 / (second.n - 1))
    quantile = float(stdtrit(freedom, 0.975))
    return quantile * math.sqrt(total)
