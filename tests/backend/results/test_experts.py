"""A mixture of experts on the server: each expert is a layer with a place on a map of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.backend.conftest import Process
from tests.backend.results.drawn import values
from tests.conftest import tiny_experiment
from tests.loraone import mixtures


def test_experts_are_mapped_and_those_without_a_token_are_marked(
    server: Process, texts_csv: Path
) -> None:
    root = texts_csv.parent
    (root / "one_word.csv").write_text("text\n" + "cat cat cat cat\n" * 100)
    folder = mixtures.saved("qwen2_moe", root / "mixture")
    model = {"id": str(folder), "target_parameters": "experts"}
    spec = tiny_experiment(folder, root / "one_word.csv", model=model, task="causal-lm")
    key = server.post("/api/experiments", spec)["id"]
    (run,) = server.settle(key)
    assert run["status"] == "succeeded", run

    layers = server.get(f"/api/experiments/{key}")["layers"]
    of_experts = [layer for layer in layers if layer["expert"] is not None]
    kinds = list(dict.fromkeys(layer["module"] for layer in of_experts))
    assert kinds == ["experts gate and up", "experts down"]
    assert len(of_experts) == 2 * 2 * mixtures.EXPERTS

    def heatmap(**params: str) -> dict[str, object]:
        asked = {"of": f"e{key}", "quantity": "gradient", "scalar": "sigma1", **params}
        answer = server.http.get("/api/figures/heatmap", params=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    for kind in kinds:
        cells, struck = heatmap(experts=kind)["data"]  # type: ignore[misc]
        assert values(cells["z"]).shape == (2, mixtures.EXPERTS)
        assert np.isnan(values(cells["z"])).sum() == 4, "two of four experts in each block"
        assert struck["name"] == "no token of the gradient batch"
        assert len(values(struck["x"])) == 4
        marked = {int(index) for index in values(struck["customdata"])}
        assert {layers[index]["module"] for index in marked} == {kind}
    (of_layers,) = heatmap()["data"]  # type: ignore[misc]
    assert not any("experts" in line for line in of_layers["y"])
    asked = {"of": f"e{key}", "experts": "experts up"}
    answer = server.http.get("/api/figures/heatmap", params=asked)
    assert answer.status_code == 422
    assert "experts down" in answer.text
    report = server.http.get(f"/api/experiments/{key}/report.html")
    assert "gradient: experts down" in report.text
