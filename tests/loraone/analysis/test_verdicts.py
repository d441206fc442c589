"""Verdicts: what may be said, and what may not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from loraone.analysis.verdicts import best_learning_rates, mean_and_deviation, verdict


def runs(*rows: tuple[str, float, int, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["label", "learning_rate", "seed", "eval_loss"])
    return frame.assign(rank=np.where(frame["label"] == "Full", np.nan, 8))


def grid(label: str, losses: dict[float, list[float]]) -> list[tuple[str, float, int, float]]:
    return [
        (label, rate, seed, loss)
        for rate, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def test_the_best_rate_is_that_of_the_best_mean_not_of_the_best_run() -> None:
    lucky = grid("A", {1e-3: [0.9, 2.0], 1e-2: [1.0, 1.1]})
    best = best_learning_rates(runs(*lucky), "eval_loss")
    assert set(best["learning_rate"]) == {1e-2}
    assert len(best) == 2


def test_methods_without_a_rank_keep_their_rows() -> None:
    best = best_learning_rates(runs(*grid("Full", {1e-3: [1.0], 1e-2: [2.0]})), "eval_loss")
    assert list(best["learning_rate"]) == [1e-3]


def test_one_seed_names_no_winner() -> None:
    said = verdict(runs(*grid("A", {1e-3: [1.0]}), *grid("B", {1e-3: [2.0]})), "eval_loss")
    assert "cannot be told from seed noise" in said
    assert "not tuned: A, B" in said


@pytest.mark.parametrize(("shift", "believed"), [(0.01, False), (1.0, True)])
def test_three_seeds_are_judged_by_welchs_interval(shift: float, believed: bool) -> None:
    one, two = [1.0, 1.1, 1.2], [1.0 + shift, 1.12 + shift, 1.2 + shift]
    rates = [1e-4, 1e-3, 1e-2]
    worse = 9.0
    frame = runs(
        *grid("A", {r: one if r == 1e-3 else [worse] * 3 for r in rates}),
        *grid("B", {r: two if r == 1e-3 else [worse] * 3 for r in rates}),
    )
    said = verdict(frame, "eval_loss")
    assert ("beyond seed noise" in said) == believed
    assert ("within seed noise" in said) == (not believed)
    interval = stats.ttest_ind(two, one, equal_var=False).confidence_interval(0.95)
    assert (interval.low > 0) == believed
    assert f"± {(interval.high - interval.low) / 2:.2g}" in said
    assert "not tuned" not in said
    assert "edge" not in said


def test_a_best_rate_at_the_edge_of_the_grid_is_said() -> None:
    falling = {1e-4: [3.0] * 3, 1e-3: [2.0] * 3, 1e-2: [1.0] * 3}
    assert "edge of the grid: A" in verdict(runs(*grid("A", falling)), "eval_loss")


def test_an_estimate_of_one_seed_has_no_deviation_and_of_none_is_none() -> None:
    one = mean_and_deviation(pd.Series([2.0, np.nan]))
    assert one is not None
    assert (one.mean, one.std, one.n) == (2.0, None, 1)
    assert mean_and_deviation(pd.Series([np.nan])) is None
