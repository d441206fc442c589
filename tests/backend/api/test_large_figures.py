"""Figures of more numbers than a page can take: drawn with fewer points, which is said, or refused
with what to do instead."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.api import chosen, tabular
from backend.storage.store import experiments
from backend.storage.tables import MetricRow
from loraone.analysis.figures import thinned
from loraone.spec.experiment import ExperimentSpec
from tests.e2e.stored import finished

STEPS = 3000
CURVES = "/api/figures/curves?of=e1&metric=eval_loss"


@pytest.fixture
def long(app: FastAPI, client: TestClient) -> TestClient:
    """An experiment of two runs with a loss at each of three thousand steps."""
    spec = ExperimentSpec.model_validate({"methods": ["lora", "pissa"]})
    with app.state.database.write() as session:
        key = experiments.create(session, spec).id
    finished(app, key)
    with app.state.database.write() as session:
        for run in experiments.run_ids(session, key):
            session.add_all(
                MetricRow(run_id=run, name="eval_loss", step=step, value=value, seconds=0, tokens=0)
                for step, value in enumerate(np.sin(np.arange(10, STEPS)).tolist(), 10)
            )
    return client


def numbers(values: Any) -> np.ndarray:
    """An array as plotly packs it."""
    return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))


def test_a_curve_of_too_many_points_is_thinned_and_says_so_and_its_files_have_all(
    long: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = long.get(CURVES)
    assert all(len(numbers(line["y"])) > STEPS - 10 for line in whole.json()["data"])
    assert not whole.json()["layout"].get("annotations")
    monkeypatch.setattr(thinned, "MOST_BYTES", 20_000)
    drawn = long.get(f"{CURVES}&smoothing=0.01")  # another than is kept
    assert len(drawn.content) < 30_000 < len(whole.content)
    left = sum(len(numbers(line["y"])) for line in drawn.json()["data"])
    (note,) = drawn.json()["layout"]["annotations"]
    assert note["text"].startswith(f"{left:,} of 5,")
    assert long.get(f"{CURVES}&format=csv").text.count("\n") > 2 * (STEPS - 10)


def test_a_table_of_too_many_rows_has_the_first_and_says_how_many_are_missing(
    long: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "MOST_RECORDS", 100)
    shown = long.get(f"{CURVES}&format=records").json()
    total = long.get(f"{CURVES}&format=csv").text.count("\n") - 1
    assert (len(shown["data"]), shown["left_out"]) == (100, total - 100)


@pytest.mark.parametrize("figure", ["columns", "alignment-layers"])
def test_a_value_for_each_layer_of_too_many_runs_is_refused_with_how_many_may_be(
    long: TestClient, monkeypatch: pytest.MonkeyPatch, figure: str
) -> None:
    monkeypatch.setattr(chosen, "MOST_VALUES", 3)
    answer = long.get(f"/api/figures/{figure}?of=e1")
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["path"], problem["value"]) == (422, "of", 2)
    assert problem["allowed"] == "up to 1 runs with 2 layers"
    assert long.get(f"/api/figures/{figure}?of=r1").status_code == 200
