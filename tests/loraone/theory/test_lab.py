"""The lab's figures say what was solved, and what was predicted beside it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from loraone.theory.lab import answer
from loraone.theory.presets import THEORY
from tests.loraone.theory.conftest import ONE, experiment


def traces(figure: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(figure)["data"]
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", THEORY)
def test_every_preset_is_drawn_without_an_empty_figure(name: str, theme: Any) -> None:
    found = answer(THEORY[name].spec, quick=True, theme=theme)
    assert {"losses", "subspaces"} <= set(found.figures)
    for figure in found.figures.values():
        assert traces(figure), name


def test_a_methods_variants_share_its_colour_and_what_is_swept_gets_paler() -> None:
    spec = experiment(
        ONE,
        ONE | {"optimizer": "riemannian-sgd"},
        sweep={"parameter": "condition", "values": [1, 10]},
        grid={"seeds": [0]},
    )
    lines = {
        t["name"]: t["line"]
        for t in traces(answer(spec).figures["losses"])
        if t.get("showlegend") is not False
    }
    plain, fast = "LoRA-One (gradient, γ 1)", "LoRA-One (gradient, γ 1, preconditioned descent)"
    assert lines[f"{plain}, κ 1"]["color"] == lines[f"{fast}, κ 1"]["color"]
    assert lines[f"{plain}, κ 1"]["dash"] != lines[f"{fast}, κ 1"]["dash"]
    assert lines[f"{plain}, κ 1"]["color"] != lines[f"{plain}, κ 10"]["color"]


def test_the_predicted_rate_is_drawn_as_a_straight_line_in_the_logarithm() -> None:
    spec = experiment(
        ONE, grid={"ranks": [2], "seeds": [0]}, training={"steps": 400}, problem={"samples": 400}
    )
    found = answer(spec)
    (line,) = (t for t in traces(found.figures["losses"]) if t.get("name") == "predicted rate")
    rate = next(row["predicted"] for row in found.predictions if row["name"] == "rate")
    values = decoded(line["y"])
    steps = decoded(line["x"])
    slope = np.diff(np.log(values)) / np.diff(steps)
    np.testing.assert_allclose(np.exp(slope), rate, rtol=1e-9)


def decoded(field: Any) -> np.ndarray:
    import base64

    if isinstance(field, dict):
        return np.frombuffer(base64.b64decode(field["bdata"]), dtype=f"<{field['dtype']}")
    return np.array(field, float)


def test_learning_rates_and_ranks_are_axes_too_and_diverged_runs_leave_gaps() -> None:
    rates = experiment(ONE, grid={"learning_rates": [0.1, 0.2, 10.0], "seeds": [0]})
    found = answer(rates)
    assert "sweep" in found.figures
    assert "lr 10" in found.tables["losses"]
    ranks = experiment(ONE, grid={"ranks": [1, 2, 3], "seeds": [0]}, training={"steps": 300})
    table = answer(ranks).tables["sweep"]
    assert "some" not in table
    floors = [row for row in answer(ranks).predictions if row["name"] == "floor"]
    assert [row["series"] for row in floors] == ["LoRA-One (gradient, γ 1), r 1"]
    assert floors[0]["ratio"] == pytest.approx(1, abs=0.01)
