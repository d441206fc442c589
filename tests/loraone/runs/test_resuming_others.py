"""Mixtures of experts, quantised bases and estimated spectra go on as they would have, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loraone.spec import measure
from tests.conftest import tiny_run
from tests.loraone import mixtures
from tests.loraone.runs.interrupted import rest, result, resumed_at, until
from tests.loraone.runs.told import fresh

TRAINING = {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2}


def goes_on(spec: Any, folder: Path) -> None:
    until(spec, folder, 2)
    last = rest(spec, folder)
    assert resumed_at(last) == [2]
    assert result(last) == fresh(spec)


@pytest.mark.parametrize("method", ["lora_one", "pissa"])
@pytest.mark.parametrize("name", ["qwen2_moe", "gpt_oss"])
def test_experts(name: str, method: str, texts_csv: Path, tmp_path: Path) -> None:
    model = {
        "id": str(mixtures.saved(name, tmp_path / "model")),
        "target_parameters": "experts",
    }
    spec = tiny_run(
        tmp_path / "model", texts_csv, method, model=model, task="causal-lm", training=TRAINING
    )
    goes_on(spec, tmp_path / "kept")


@pytest.mark.parametrize(("method", "kind"), [("lora_one", "nf4"), ("lora", "int8")])
def test_a_quantised_base(
    method: str, kind: str, wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    model = {"id": str(wide_models["llama"]), "quantization": kind}
    spec = tiny_run(wide_models["llama"], texts_csv, method, model=model, training=TRAINING)
    goes_on(spec, tmp_path / "kept")


def test_spectra_that_are_estimates(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "SMALL", 0)
    monkeypatch.setattr(measure, "SMALL_WEIGHT", 0)
    monkeypatch.setattr("loraone.runs.start._tokens", lambda *_: 1)
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora_one", training=TRAINING)
    goes_on(spec, tmp_path / "kept")
