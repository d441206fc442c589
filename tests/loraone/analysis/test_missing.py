"""Where there is nothing to compare it is said what is missing."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from loraone.analysis.figures import cost, curves, learning_rate, spectra
from loraone.analysis.verdicts import verdict
from tests.loraone.analysis.runs import frame, grid

NOTHING = [math.nan] * 3
CURVES = pd.DataFrame(columns=["run_id", "step", "value", "seconds", "tokens"])


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (["queued", "running", "queued"], "No run has finished yet."),
        (["failed"] * 3, "All 3 runs failed."),
        (["cancelled"] * 3, "All 3 runs were cancelled."),
        (["failed", "failed", "cancelled"], "Of 3 runs 2 failed and 1 was cancelled."),
        (["failed", "queued", "cancelled"], "No run has finished yet. Of 3 runs 1 failed, 1 was "
         "cancelled and 1 has not finished."),
        (["succeeded"] * 3, "3 runs have finished, but evaluation loss was not measured."),
        (["succeeded", "failed", "running"], "1 run has finished, but evaluation loss was not "
         "measured. Of the other 2 runs 1 failed and 1 has not finished."),
    ],
)  # fmt: skip
def test_it_is_said_what_became_of_the_runs(status: list[str], said: str) -> None:
    assert verdict(frame(*grid("LoRA", {1e-3: NOTHING}), status=status), "eval_loss") == said


def test_finished_runs_without_the_metric_are_judged_by_what_they_have() -> None:
    runs = frame(*grid("LoRA", {1e-3: [1.0, 2.0, 3.0]}), status=["succeeded"] * 3)
    said = verdict(runs, "accuracy")
    assert said == (
        "3 runs have finished, but accuracy was not measured; judge by evaluation loss instead."
    )
    assert "accuracy" in verdict(runs.drop(columns="status"), "accuracy")
    assert "finished yet" not in verdict(runs.drop(columns="status"), "accuracy")
    assert "perplexity" in verdict(runs.assign(accuracy=math.nan, perplexity=9.0), "accuracy")


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_figures_say_what_is_missing_as_well(status: str) -> None:
    runs = frame(*grid("LoRA", {1e-3: NOTHING}), status=[status] * 3)
    runs = runs.assign(run_id=range(3), series="LoRA", method="lora", origin="", train_seconds=1.0)
    drawn = (
        learning_rate.draw(learning_rate.table(runs, "accuracy"), runs, metric="accuracy"),
        cost.draw(
            cost.table(runs, "accuracy", "train_seconds"), runs,
            metric="accuracy", cost="train_seconds",
        ),
        curves.draw(curves.table(runs, CURVES), runs, metric="accuracy"),
    )  # fmt: skip
    for figure in drawn:
        text = figure.layout.annotations[0].text.replace("<br>", " ")
        assert "yet" not in text
        assert ("accuracy" in text) or (status == "failed" and "failed" in text)
    nothing = spectra.draw(spectra.table({}, runs), runs, rank=None)
    assert "yet" not in nothing.layout.annotations[0].text


def test_a_result_without_its_cost_says_so() -> None:
    runs = frame(*grid("LoRA", {1e-3: [1.0, 2.0]})).assign(
        series="LoRA", method="lora", train_seconds=math.nan
    )
    table = cost.table(runs, "eval_loss", "train_seconds")
    text = cost.draw(table, runs, metric="eval_loss", cost="train_seconds").layout.annotations[0]
    assert text.text.replace("<br>", " ") == (
        "2 runs have finished, but training time was not measured."
    )
