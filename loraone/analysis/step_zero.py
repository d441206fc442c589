"""What each initialisation did before any training, in a sentence."""

from __future__ import annotations

import math

import pandas as pd

from loraone.analysis import outcomes
from loraone.analysis.compared import mean_and_deviation
from loraone.analysis.words import listed, told_apart

# A smaller share of the loss is rounding, or nothing that training would notice.
_UNMOVED = 1e-3
_BEFORE, _AFTER = "held_out_loss_before", "held_out_loss_after"


def step_zero(runs: pd.DataFrame) -> str:
    """What each initialisation did to the held-out loss, best first.

    Args:
        runs: ``label``, ``rank``, ``held_out_loss_before``, ``held_out_loss_after``; means over
            seeds count. Runs that lack one of the two are left out.
    """
    before, after = outcomes.values(runs, _BEFORE), outcomes.values(runs, _AFTER)
    groups: dict[tuple[str, float | None], tuple[list[float], list[float]]] = {}
    for key, *pair in zip(outcomes.keys(runs), before, after, strict=True):
        if not any(map(math.isnan, pair)):
            for column, value in zip(groups.setdefault(key, ([], [])), pair, strict=True):
                column.append(value)
    names = outcomes.names([label for label, _ in groups], [rank for _, rank in groups])
    parts: dict[str, list[tuple[float, str]]] = {"lowered": [], "raised": [], "left": []}
    for name, columns in zip(names, groups.values(), strict=True):
        first, second = (mean_and_deviation(pd.Series(column)) for column in columns)
        if first is None:
            continue
        if second is None or math.inf in columns[1]:
            parts["raised"].append((math.inf, f"{name} ({first.mean:.3g} to infinity)"))
        elif abs(second.mean - first.mean) <= _UNMOVED * abs(first.mean):
            parts["left"].append((second.mean, name))
        else:
            low, high = told_apart(first.mean, second.mean)
            word = "lowered" if second.mean < first.mean else "raised"
            parts[word].append((second.mean, f"{name} ({low} to {high})"))
    said = {
        word: listed([text for _, text in sorted(found)]) for word, found in parts.items() if found
    }
    clauses = [
        f"{said[word]} {word} the held-out loss" for word in ("lowered", "raised") if word in said
    ]
    if "left" in said:
        what = "it" if clauses else "the held-out loss"
        clauses.append(f"{said['left']} left {what} as it was")
    return "; ".join(clauses) + "." if clauses else ""
