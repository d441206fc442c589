"""Frames of runs as verdicts read them."""

from __future__ import annotations

import numpy as np
import pandas as pd

COLUMNS = ["label", "rank", "learning_rate", "seed", "eval_loss"]
Row = tuple[str, float, float, int, float]


def grid(label: str, losses: dict[float, list[float]], rank: float = 8) -> list[Row]:
    """A run for each rate and seed; NaN where it failed."""
    return [
        (label, rank, rate, seed, loss)
        for rate, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def frame(*rows: Row, status: list[str] | None = None) -> pd.DataFrame:
    """One row per run, with the statuses of all of them where they are given."""
    found = pd.DataFrame(rows, columns=COLUMNS).astype({"eval_loss": "float64"})
    return found if status is None else found.assign(status=status)


def with_status(runs: pd.DataFrame) -> pd.DataFrame:
    """The same runs as the server knows them: failed ones are called so."""
    return runs.assign(status=np.where(runs["eval_loss"].isna(), "failed", "succeeded"))
