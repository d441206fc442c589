"""Runs that failed, were cancelled or are to come are not lost, and make nothing look good."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from loraone.analysis.verdicts import best_learning_rates, verdict
from tests.loraone.analysis.runs import frame, grid, with_status

LOST = math.nan
WHOLE = [1.0, 1.01, 1.02]


def rates(runs: pd.DataFrame, metric: str = "eval_loss") -> dict[str, list[float]]:
    best = best_learning_rates(runs, metric)
    return {str(k): sorted(set(g["learning_rate"])) for k, g in best.groupby("label")}


@pytest.mark.parametrize("known", [True, False], ids=["status", "no status"])
@pytest.mark.parametrize("survivors", [[0.9, LOST, LOST], [LOST, 0.9, 0.95], [math.inf, 0.9, 0.9]])
def test_survivors_do_not_beat_a_rate_at_which_no_run_failed(
    known: bool, survivors: list[float]
) -> None:
    runs = frame(*grid("LoRA", {1e-3: WHOLE, 1e-2: survivors}))
    runs = with_status(runs) if known else runs
    assert rates(runs) == {"LoRA": [1e-3]}
    failed = sum(not math.isfinite(value) for value in survivors)
    assert f"LoRA: {failed} of 3 runs failed at learning rate 0.01." in verdict(runs, "eval_loss")


def test_a_run_that_failed_is_no_data_point_even_where_it_left_a_value() -> None:
    status = ["succeeded"] * 3 + ["failed"] * 3
    runs = frame(*grid("LoRA", {1e-3: WHOLE, 1e-2: [0.1] * 3}), status=status)
    assert rates(runs) == {"LoRA": [1e-3]}
    runs = frame(*grid("LoRA", {1e-3: WHOLE}), status=["succeeded", "succeeded", "failed"])
    assert list(best_learning_rates(runs, "eval_loss")["seed"]) == [0, 1]


def test_where_every_rate_has_failures_the_fewest_count_and_it_is_said() -> None:
    losses = {1e-3: [1.2, LOST, 1.2], 1e-2: [0.9, LOST, LOST], 1e-1: [LOST] * 3}
    runs = frame(*grid("LoRA", losses), *grid("PiSSA", {1e-3: [1.3, 1.31, 1.3]}))
    assert rates(runs) == {"LoRA": [1e-3], "PiSSA": [1e-3]}
    said = verdict(runs, "eval_loss")
    assert "1 of 3 runs failed at learning rate 0.001, 2 of 3 at 0.01, 3 of 3 at 0.1" in said
    assert said.startswith("Undecided for lack of survivors: LoRA")


@pytest.mark.parametrize("survivors", [[0.5, LOST, LOST], [0.5, 0.51, 0.52, 0.5, LOST]])
def test_a_method_that_is_ahead_by_its_survivors_is_not_ahead(survivors: list[float]) -> None:
    said = verdict(
        frame(*grid("LoRA", {1e-3: WHOLE}), *grid("EVA", {1e-3: survivors})), "eval_loss"
    )
    assert "Undecided for lack of survivors" in said
    assert "beyond seed noise" not in said
    worse = frame(*grid("LoRA", {1e-3: WHOLE}), *grid("EVA", {1e-3: [9.0, 9.1, 9.2, LOST]}))
    assert "beyond seed noise" in verdict(worse, "eval_loss"), "failures make EVA only worse"


@pytest.mark.parametrize("known", [True, False], ids=["status", "no status"])
def test_a_method_whose_runs_all_failed_is_named(known: bool) -> None:
    runs = frame(*grid("LoRA", {1e-3: WHOLE}), *grid("EVA", {1e-3: [LOST] * 3}))
    said = verdict(with_status(runs) if known else runs, "eval_loss")
    assert "EVA: 3 of 3 runs failed, so it is not in this comparison." in said


def test_what_is_to_come_was_cancelled_or_was_not_measured_is_named() -> None:
    runs = frame(
        *grid("LoRA", {1e-3: WHOLE}),
        *grid("EVA", {1e-3: [LOST] * 2}),
        *grid("PiSSA", {1e-3: [LOST] * 2}),
        *grid("DoRA", {1e-3: [LOST]}),
        status=["succeeded"] * 3 + ["queued", "running"] + ["cancelled"] * 2 + ["succeeded"],
    )
    said = verdict(runs, "eval_loss")
    assert "Not finished yet: EVA (2 of 2 runs)." in said
    assert "Cancelled: PiSSA (2 of 2 runs)." in said
    assert "Finished without evaluation loss: DoRA (the only run)." in said
    assert "failed" not in said


def test_rates_are_compared_on_the_seeds_that_all_of_them_have() -> None:
    # The seed that the second rate lacks is a bad one for everybody.
    unlucky = {1e-3: [1.0, 1.0, 4.0], 1e-2: [1.5, 1.5]}
    assert rates(frame(*grid("LoRA", unlucky))) == {"LoRA": [1e-3]}
    lucky = {1e-3: [1.5, 1.5, 0.3], 1e-2: [1.4, 1.4]}
    runs = frame(*grid("LoRA", lucky))
    assert rates(runs) == {"LoRA": [1e-2]}
    assert "compared on the 2 seeds that all of them have" in verdict(runs, "eval_loss")


def test_a_rate_that_has_hardly_begun_waits() -> None:
    losses = {1e-3: WHOLE, 1e-2: [0.9, LOST, LOST]}
    runs = frame(*grid("LoRA", losses), status=["succeeded"] * 4 + ["running", "queued"])
    assert rates(runs) == {"LoRA": [1e-3]}
    said = verdict(runs, "eval_loss")
    assert "Learning rates of LoRA with too few seeds to be compared: 0.01." in said
    assert "Not finished yet: LoRA (2 of 6 runs)." in said


def test_rates_without_a_seed_in_common_are_judged_by_their_own_and_it_is_said() -> None:
    runs = frame(*grid("LoRA", {1e-3: [1.0, 1.1]}), ("LoRA", 8, 1e-2, 7, 2.0))
    assert rates(runs) == {"LoRA": [1e-3]}
    assert "share no seed" in verdict(runs, "eval_loss")


def test_a_rate_at_which_all_runs_failed_was_tried() -> None:
    losses = {1e-4: [2.0] * 3, 1e-3: WHOLE, 1e-2: [LOST] * 3}
    said = verdict(frame(*grid("LoRA", losses)), "eval_loss")
    assert "not tuned" not in said
    assert "edge" not in said
    assert "edge of the grid: LoRA" in verdict(
        frame(*grid("LoRA", {1e-5: [3.0] * 3, 1e-4: [2.0] * 3, 1e-3: WHOLE})), "eval_loss"
    )


def test_a_seed_that_ran_twice_is_not_one_more_seed() -> None:
    twice = [("LoRA", 8, 1e-3, 0, 1.0)] * 3
    said = verdict(frame(*twice, *grid("PiSSA", {1e-3: WHOLE})), "eval_loss")
    assert "beyond seed noise" not in said


@pytest.mark.parametrize("kind", ["object", "Float64", "float32"])
@pytest.mark.parametrize("statuses", ["str", "category", "string"])
def test_columns_of_any_kind_say_the_same(kind: str, statuses: str) -> None:
    runs = frame(
        *grid("LoRA", {1e-3: [1.0, 1.5, 2.0], 1e-2: [0.5, LOST, LOST]}),
        *grid("Full", {1e-3: [LOST] * 3}, rank=LOST),
    )
    said = verdict(runs, "eval_loss")
    other = with_status(runs).astype({"eval_loss": kind, "rank": "Int64", "status": statuses})
    assert verdict(other, "eval_loss") == said
    assert verdict(runs.drop(columns="rank"), "eval_loss") == said
    assert len(best_learning_rates(other, "eval_loss")) == 3
    unknown = runs.assign(status=pd.array([pd.NA] * len(runs), dtype="string"))
    assert verdict(unknown, "eval_loss") == said


def test_rows_keep_their_index_and_order() -> None:
    runs = frame(*grid("LoRA", {1e-2: [2.0, 2.0], 1e-3: [1.1, 1.0]}))
    runs.index = pd.Index([7, 7, 3, 3])
    best = best_learning_rates(runs, "eval_loss")
    assert list(best.index) == [3, 3]
    assert list(best["seed"]) == [0, 1]
    assert best_learning_rates(runs.iloc[:0], "eval_loss").empty


def test_a_rate_that_was_hardly_tried_waits_however_few_of_its_runs_failed() -> None:
    status = ["succeeded"] * 9 + ["failed"] + ["succeeded"] + ["queued"] * 9
    losses = {1e-3: [0.2] * 9 + [LOST], 1e-5: [0.9] + [LOST] * 9}
    runs = frame(*grid("LoRA", losses), status=status)
    assert rates(runs) == {"LoRA": [1e-3]}
    assert "Learning rates of LoRA with too few seeds to be compared: 1e-05." in verdict(
        runs, "eval_loss"
    )
