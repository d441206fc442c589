"""What runs measured, as tables: the same numbers that the runs' events had."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.results import measured
from backend.storage.store import queue, results
from backend.storage.tables import Run
from loraone import events, run
from loraone.analysis.figures import alignment, curves
from loraone.spec import stored

SPEC = {
    "task": "teacher-student",
    "name": "tiny",
    "methods": ["lora", "lora_one"],
    "training": {"steps": 6, "warmup_steps": 0, "optimizer": "sgd", "eval_every": 2},
    "grid": {"ranks": [2], "learning_rates": [0.1]},
}


@pytest.fixture
def said(app: FastAPI, client: TestClient, tmp_path: Path) -> dict[int, list[events.Event]]:
    """The events of two runs that a lane stored, by run; of weights all but two values are said to
    be estimates."""
    client.post("/api/experiments", json=SPEC).raise_for_status()
    with app.state.database.read() as session:
        specs = {row.id: stored.run(row.spec).spec for row in session.scalars(select(Run))}
    found = {key: [_estimated(event) for event in run(spec)] for key, spec in specs.items()}
    assert all(isinstance(each[-1], events.Finished) for each in found.values())
    with app.state.database.write() as session:
        for _ in specs:
            row = queue.claim(session, "CPU")
            assert row is not None
            for number, event in enumerate(found[row.id]):
                results.append(session, row.id, row.attempt, number, event, tmp_path)
    return found


def _estimated(event: events.Event) -> events.Event:
    if isinstance(event, events.Spectra) and event.quantity == "weight":
        return replace(event, known=2, effective_rank_error=0.25)
    return event


def table(client: TestClient, name: str, **parameters: Any) -> pd.DataFrame:
    asked = {"of": "e1", "format": "parquet", **parameters}
    answer = client.get(f"/api/measured/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    return pd.read_parquet(BytesIO(answer.content))


def of_kind(said: dict[int, list[events.Event]], kind: type) -> list[tuple[int, Any]]:
    return [(key, event) for key, all_ in said.items() for event in all_ if type(event) is kind]


def test_metrics_have_a_row_for_each_value_of_each_run(
    client: TestClient, said: dict[int, list[events.Event]]
) -> None:
    found = table(client, "metrics")
    rows = {
        (row.run_id, row.metric, row.step): (row.value, row.seconds, row.tokens)
        for row in found.itertuples()
    }
    assert rows == {
        (key, name, event.step): (value, event.seconds, event.tokens)
        for key, event in of_kind(said, events.Metric)
        for name, value in event.values.items()
    }
    # It is what the figure functions of the library take.
    runs = pd.DataFrame({"run_id": [1, 2], "series": ["LoRA", "LoRA-One"], "learning_rate": 0.1})
    assert set(curves.table(runs, found[found["metric"] == found["metric"][0]])["series"]) == {
        "LoRA",
        "LoRA-One",
    }


def test_spectra_have_a_row_for_each_singular_value(
    client: TestClient, said: dict[int, list[events.Event]]
) -> None:
    quantities = {event.quantity for _, event in of_kind(said, events.Spectra)}
    assert "gradient" in quantities
    for quantity in quantities:
        found = table(client, "spectra", quantity=quantity)
        expected = [e for e in of_kind(said, events.Spectra) if e[1].quantity == quantity]
        for key, event in expected:
            mine = found[(found["run_id"] == key) & (found["layer"] == event.layer)]
            np.testing.assert_array_equal(mine["value"].to_numpy(np.float32), event.values)
            assert [*mine["index"]] == [*range(1, len(event.values) + 1)]
        assert len(found) == sum(len(event.values) for _, event in expected)
    whole, partly = (table(client, "spectra", quantity=name) for name in ("gradient", "weight"))
    assert not whole["estimated"].any()
    assert (partly["estimated"] == (partly["index"] > 2)).all()
    one = table(client, "spectra", quantity="gradient", layer=0)
    assert set(one["layer_index"]) == {0}
    assert table(client, "spectra", quantity="gradient", layer=99).empty


def test_figures_tell_estimates_from_what_was_computed(
    client: TestClient, said: dict[int, list[events.Event]]
) -> None:
    def rows(name: str, **parameters: Any) -> pd.DataFrame:
        asked = {"of": "e1", "format": "csv", **parameters}
        answer = client.get(f"/api/figures/{name}", params=asked)
        return pd.read_csv(BytesIO(answer.content), comment="#")

    shown = rows("spectra", quantities=["gradient", "weight"])
    counts = shown.groupby("quantity")["estimated"].sum().to_dict()
    assert counts["gradient"] == 0
    assert counts["weight"] == (shown["quantity"] == "weight").sum() - 2
    errors = rows("heatmap", quantity="weight", scalar="effective_rank")["standard_error"]
    assert set(errors) == {0.25}
    assert "standard_error" not in rows("heatmap", quantity="gradient", scalar="effective_rank")
    assert "standard_error" not in rows("heatmap", quantity="weight", scalar="sigma1")


def test_alignment_has_every_measure_of_every_layer_and_side(
    client: TestClient, said: dict[int, list[events.Event]]
) -> None:
    found = table(client, "alignment")
    for key, event in of_kind(said, events.Alignment):
        angles = alignment.LayerAngles(key, event.step, event.left, event.right, event.energy)
        mine = found[(found["run_id"] == key) & (found["step"] == event.step)]
        for name in ("mean_cos2", "sin_max", "energy"):
            for side, values in zip(
                ("left", "right"), alignment.measure(angles, name), strict=True
            ):
                mine_of_side = mine[mine["side"] == side]
                np.testing.assert_allclose(mine_of_side[name], values)


def test_what_has_measured_nothing_yet_has_tables_without_rows(client: TestClient) -> None:
    client.post("/api/experiments", json=SPEC).raise_for_status()
    for name in ("metrics", "spectra", "alignment"):
        found = table(client, name)
        assert found.empty
        assert found["run_id"].dtype == "int64"
        assert client.get(f"/api/measured/{name}", params={"of": "e1"}).text.startswith("run_id,")


def test_too_many_numbers_and_unknown_quantities_are_refused_by_name(
    client: TestClient, said: dict[int, list[events.Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"of": "e1", "quantity": "colour"}
    problem = client.get("/api/measured/spectra", params=asked).json()
    assert problem["errors"][0]["path"] == "quantity"
    assert "gradient" in problem["errors"][0]["allowed"]
    monkeypatch.setattr(measured, "MOST_ROWS", 3)
    for name in ("metrics", "spectra", "alignment"):
        problem = client.get(f"/api/measured/{name}", params={"of": "e1"}).json()
        assert problem["status"] == 422
        assert problem["errors"][0]["path"] == "of"
        assert problem["errors"][0]["allowed"] == "up to 3 rows"
