"""What became of each run of a frame, judged by a metric; and how the compared are named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

FINISHED, FAILED, UNMEASURED = "finished", "failed", "unmeasured"
PENDING, CANCELLED = "pending", "cancelled"
KINDS = (FINISHED, FAILED, UNMEASURED, PENDING, CANCELLED)
# What a run is while it may still come to something.
ACTIVE = ("queued", "running")
_AS_SAID = {**dict.fromkeys(ACTIVE, PENDING), "cancelled": CANCELLED, "failed": FAILED}


def values(runs: pd.DataFrame, metric: str) -> pd.Series[float]:
    """The metric's column as numbers; NaN where a run, or the frame, has none."""
    if metric not in runs:
        return pd.Series(np.nan, index=runs.index, dtype="float64")
    return pd.to_numeric(runs[metric], errors="coerce").astype("float64")


def outcomes(runs: pd.DataFrame, metric: str) -> pd.Series[str]:
    """For each run whether it is a data point, and if not why.

    - ``finished``: it has a finite value of the metric
    - ``failed``: it ended without one, diverged to infinity, or its ``status`` says so
    - ``unmeasured``: it succeeded, and no run of its method has the metric
    - ``pending``, ``cancelled``: as its ``status`` says

    A frame without ``status`` holds runs that have ended: those without a value failed.
    """
    measured = values(runs, metric).tolist()
    ends = [FINISHED if math.isfinite(value) else FAILED for value in measured]
    if "status" in runs:
        said = ["" if pd.isna(status) else str(status) for status in runs["status"]]
        rows = list(zip(keys(runs), said, measured, ends, strict=True))
        known = {key for key, status, value, _ in rows if status == "succeeded" and value == value}
        ends = [
            UNMEASURED if status == "succeeded" and key not in known else _AS_SAID.get(status, end)
            for key, status, _, end in rows
        ]
    return pd.Series(ends, index=runs.index, dtype=object)


def keys(runs: pd.DataFrame) -> list[tuple[str, float | None]]:
    """Label and rank of each run: the method, at its rank, that is compared with others. A frame
    without labels is about its series."""
    labels = runs["label"] if "label" in runs else runs["series"]
    ranks = values(runs, "rank")
    return [
        (str(label), None if pd.isna(rank) else float(rank))
        for label, rank in zip(labels, ranks, strict=True)
    ]


def names(labels: Sequence[str], ranks: Sequence[float | None]) -> list[str]:
    """How each is named beside the others: its label, and its rank where there are several, or
    where the label also stands for something without a rank."""
    known = [None if rank is None or pd.isna(rank) else f"{rank:g}" for rank in ranks]
    several = len(set(known) - {None}) > 1
    bare = {label for label, rank in zip(labels, known, strict=True) if rank is None}
    return [
        f"{label}, r {rank}" if rank is not None and (several or label in bare) else label
        for label, rank in zip(labels, known, strict=True)
    ]
