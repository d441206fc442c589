"""Why there is nothing to compare, or to draw: what is missing, and what is there instead."""

from __future__ import annotations

import pandas as pd

from loraone.analysis import outcomes
from loraone.analysis.outcomes import CANCELLED, FAILED, PENDING, UNMEASURED
from loraone.analysis.words import count, listed
from loraone.catalog import COSTS, JUDGES, METRICS


def sentence(runs: pd.DataFrame, metric: str, cost: str | None = None) -> str:
    """Why no run of the frame has a finite ``metric``, and with ``cost`` that as well."""
    kinds = outcomes.outcomes(runs, metric)
    done = kinds == outcomes.FINISHED
    if done.any():
        if cost is None or (pd.notna(outcomes.values(runs, cost)) & done).any():
            return "There is nothing to show."
        return f"{_ended(int(done.sum()))}, but {_lacks(COSTS[cost].label)}."
    name = METRICS[metric].label.lower()
    number = {kind: int((kinds == kind).sum()) for kind in kinds.unique()}
    if "status" not in runs and len(runs):
        who = f"None of the {len(runs)} runs has a" if len(runs) > 1 else "The only run has no"
        why = "failed, or it was not measured"
        return f"{who} value of {name}: {why}{_instead(runs, metric)}."
    if number.get(UNMEASURED):
        lacking = f"{_ended(number[UNMEASURED])}, but {_lacks(name)}{_instead(runs, metric)}."
        others = _others(number)
        left = len(runs) - number[UNMEASURED]
        return f"{lacking} Of the other {count(left, 'run')} {others}." if left else lacking
    return _nothing(number, len(runs))


def values(runs: pd.DataFrame, label: str) -> str:
    """Why there are no values of a metric over training."""
    if "status" in runs and len(runs) and not runs["status"].isin(outcomes.ACTIVE).any():
        who = "The only run" if len(runs) == 1 else f"All {len(runs)} runs"
        return f"{who} ended without {label.lower()}"
    return "No values yet: they appear while runs train"


def measured(runs: pd.DataFrame) -> str:
    """Why there is nothing of what runs measure beside their training."""
    active = "status" not in runs or runs["status"].isin(outcomes.ACTIVE).any()
    return "Not measured yet" if active else "Not measured for these runs"


def _ended(number: int) -> str:
    return "1 run has finished" if number == 1 else f"{number} runs have finished"


def _lacks(label: str) -> str:
    return f"{label.lower()} was not measured"


def _instead(runs: pd.DataFrame, metric: str) -> str:
    """By what else the runs can be judged."""
    others = [
        METRICS[name].label.lower()
        for name in JUDGES
        if name != metric and (outcomes.outcomes(runs, name) == outcomes.FINISHED).any()
    ]
    return f"; judge by {listed(others, 'or')} instead" if others else ""


def _others(number: dict[str, int]) -> str:
    """Where runs without a result stand: ``2 failed and 1 has not finished``."""
    failed, cancelled, pending = (number.get(kind, 0) for kind in (FAILED, CANCELLED, PENDING))
    ends = [f"{failed} failed"] if failed else []
    if cancelled:
        ends.append(f"{cancelled} {'was' if cancelled == 1 else 'were'} cancelled")
    if pending:
        ends.append(f"{pending} {'has' if pending == 1 else 'have'} not finished")
    return listed(ends) if ends else ""


def _nothing(number: dict[str, int], total: int) -> str:
    """Why no run has finished."""
    for kind, word in ((FAILED, "failed"), (CANCELLED, "cancelled")):
        if total and number.get(kind) == total:
            be = "" if kind == FAILED else "was " if total == 1 else "were "
            return f"{'The only run' if total == 1 else f'All {total} runs'} {be}{word}."
    sentence = "No run has finished yet." if number.get(PENDING) or not total else ""
    if set(number) - {PENDING}:
        sentence = f"{sentence} Of {count(total, 'run')} {_others(number)}.".strip()
    return sentence
