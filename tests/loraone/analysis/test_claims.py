"""What may be claimed: nothing from rounding, with the seeds and the names of both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loraone.analysis.figures import cost, learning_rate
from loraone.analysis.verdicts import mean_and_deviation, step_zero, verdict
from tests.loraone.analysis.runs import frame, grid

NOISY = [1.0, 1.01, 1.02]


def test_ranks_of_one_method_are_named_apart() -> None:
    eight, four = grid("LoRA", {1e-3: NOISY}), grid("LoRA", {1e-3: [2.0, 2.1, 2.2]}, rank=4)
    said = verdict(frame(*four, *eight), "eval_loss")
    assert "LoRA, r 8 has the best evaluation loss" in said
    assert "ahead of LoRA, r 4" in said
    assert "so not tuned: LoRA, r 8; LoRA, r 4." in said
    full = grid("Full", {1e-3: [3.0, 3.1, 3.2]}, rank=np.nan)
    assert "rank" not in (alone := verdict(frame(*eight, *full), "eval_loss"))
    assert ", r 8" not in alone
    bare = grid("LoRA", {1e-3: [3.0, 3.1, 3.2]}, rank=np.nan)
    assert "LoRA, r 8 has" in (said := verdict(frame(*eight, *bare), "eval_loss"))
    assert "ahead of LoRA (3.1)" in said


def test_learning_rates_are_reserved_for_each_rank_alone() -> None:
    eight = grid("LoRA", {1e-4: [3.0], 1e-3: [1.0], 1e-2: [2.0]})
    four = grid("LoRA", {1e-3: [2.0]}, rank=4)
    said = verdict(frame(*eight, *four), "eval_loss")
    assert "so not tuned: LoRA, r 4." in said
    assert "edge" not in said


def test_step_zero_tells_ranks_apart() -> None:
    runs = frame(*grid("LoRA-One", {1e-3: NOISY}), *grid("LoRA-One", {1e-3: NOISY}, rank=64))
    runs = runs.assign(held_out_loss_before=2.0, held_out_loss_after=[1.9] * 3 + [2.4] * 3)
    assert step_zero(runs) == (
        "LoRA-One, r 8 (2 to 1.9) lowered the held-out loss; LoRA-One, r 64 (2 to 2.4) raised the "
        "held-out loss."
    )
    assert "2.4 raised" not in step_zero(runs[runs["rank"] == 8])
    infinite = runs.assign(held_out_loss_after=[1.9] * 3 + [2.4, 2.4, np.inf])
    assert "LoRA-One, r 64 (2 to infinity) raised" in step_zero(infinite)
    close = runs.assign(held_out_loss_before=1.0, held_out_loss_after=[1.0012] * 6)
    assert "(1 to 1.001)" in step_zero(close), "what has moved does not look as if it had not"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (8, 3, "(95 %, 8 and 3 seeds)"),
        (3, 8, "(95 %, 3 and 8 seeds)"),
        (3, 3, "(95 %, 3 seeds)"),
        (8, 1, "but with 8 and 1 seeds this cannot be told from seed noise"),
        (2, 4, "but with 2 and 4 seeds this cannot be told from seed noise"),
        (1, 1, "but with one seed this cannot be told from seed noise"),
    ],
)
def test_both_numbers_of_seeds_are_said(first: int, second: int, said: str) -> None:
    draw = np.random.default_rng(0)
    one, two = (list(mean + 0.01 * draw.random(n)) for mean, n in ((1.0, first), (2.0, second)))
    runs = frame(*grid("LoRA", {1e-3: one}), *grid("PiSSA", {1e-3: two}))
    assert said in verdict(runs, "eval_loss")


@pytest.mark.parametrize("other", [1.0, 1.0 + 1e-9, 1.0 + 1e-7])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_difference_of_rounding_is_none(other: float, noise: float) -> None:
    spread = np.array([-noise, 0.0, noise])
    runs = frame(
        *grid("LoRA", {1e-3: list(1.0 + spread)}), *grid("PiSSA", {1e-3: list(other + spread)})
    )
    said = verdict(runs, "eval_loss")
    assert "have the same evaluation loss (1) up to rounding (3 seeds)" in said
    assert "ahead" not in said
    assert "±" not in said


def test_a_tie_names_all_that_are_in_it_and_keeps_the_doubt_of_one_seed() -> None:
    runs = frame(*(row for label in "CAB" for row in grid(label, {1e-3: [0.5]})))
    said = verdict(runs, "eval_loss")
    assert "A, B and C have the same evaluation loss (0.5), but with one seed" in said


def test_where_seeds_change_nothing_there_is_no_noise_to_claim_anything_beyond() -> None:
    still = frame(*grid("LoRA", {1e-3: [1.0] * 3}), *grid("PiSSA", {1e-3: [2.0] * 3}))
    said = verdict(still, "eval_loss")
    assert "every seed gave the same value" in said
    assert "±" not in said
    one = frame(*grid("LoRA", {1e-3: [1.0] * 3}), *grid("PiSSA", {1e-3: [2.0, 2.1, 2.2]}))
    assert "beyond seed noise: 1.1 ± 0.25 (95 %, 3 seeds)" in verdict(one, "eval_loss")


def test_equal_numbers_have_no_deviation_of_rounding() -> None:
    for value in (1.9, 0.1, 0.3, 2.4):
        found = mean_and_deviation(pd.Series([value] * 3))
        assert found is not None
        assert (found.mean, found.std) == (value, 0.0)


def test_small_losses_of_the_theory_are_not_rounding() -> None:
    draw = np.random.default_rng(0)
    one, two = (list(mean * (1 + 0.01 * draw.random(3))) for mean in (1e-20, 3e-20))
    runs = frame(*grid("LoRA", {0.3: one}), *grid("LoRA-One", {0.3: two}))
    said = verdict(runs.rename(columns={"eval_loss": "relative_loss"}), "relative_loss")
    assert "beyond seed noise" in said


def test_means_are_shown_with_the_digits_that_tell_them_apart() -> None:
    runs = frame(*grid("LoRA", {1e-3: [0.69212]}), *grid("PiSSA", {1e-3: [0.69239]}))
    said = verdict(runs, "eval_loss")
    assert "(0.6921), before PiSSA (0.6924)" in said


def test_failed_runs_are_counted_in_figures_and_are_no_points() -> None:
    losses = {1e-3: [1.0, 1.2], 1e-2: [0.5, np.nan], 1e-1: [np.inf, np.nan]}
    runs = frame(*grid("LoRA", losses)).assign(series="LoRA", method="lora", train_seconds=1.0)
    table = learning_rate.table(runs, "eval_loss").set_index("learning_rate")
    assert table["failed"].to_dict() == {1e-3: 0, 1e-2: 1, 1e-1: 2}
    assert table["count"].to_dict() == {1e-3: 2, 1e-2: 1, 1e-1: 0}
    drawn = learning_rate.draw(table.reset_index(), runs, metric="eval_loss")
    (line,) = drawn.data
    assert list(line.x) == [1e-3, 1e-2]
    assert list(line.customdata) == ["2 seeds", "1 seed, 1 failed"]
    assert np.isnan(line.error_y.array[1]), "one seed has no deviation, not one of zero"
    assert list(line.marker.symbol) == ["circle", "circle-open"]
    assert [note.text for note in drawn.layout.annotations] == ["1 failed", "2 failed"]
    at_cost = cost.table(runs, "eval_loss", "train_seconds")
    assert at_cost["seeds"].tolist() == [3]
    assert np.isfinite(at_cost["value"]).all()
