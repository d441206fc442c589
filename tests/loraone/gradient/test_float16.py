"""The one-step gradient in float16: what is small arrives, and what overflows is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from loraone.events import Failed, InitReport, Metric, Note
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run

STRATEGIES = ["accumulate", "layerwise", "sketch"]


def gradient_spec(strategy: str, **more: Any) -> dict[str, Any]:
    return {"samples": 16, "micro_batch": 16, "strategy": strategy, **more}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("arch", ["bert", "llama"])
def test_no_layer_loses_its_gradient_to_the_smallest_number_of_float16(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, strategy: str
) -> None:
    tops = {}
    for dtype in ("float32", "float16"):
        spec = tiny_run(
            tiny_models[arch],
            texts_csv,
            "lora_one",
            model={"id": str(tiny_models[arch]), "dtype": dtype},
            gradient=gradient_spec(strategy),
        )
        workspace = Workspace("cpu")
        events = list(run(spec, workspace=workspace))
        assert not any("rank below" in e.message for e in events if isinstance(e, Note))
        tops[dtype] = workspace.start.decompositions[spec.rank]
    for name, exact in tops["float32"].items():
        seen = tops["float16"][name]
        assert float(seen.S[0]) == pytest.approx(float(exact.S[0]), rel=0.05), name
        assert abs(float(seen.U[:, 0] @ exact.U[:, 0])) > 0.99, name


@pytest.fixture(scope="module")
def overflowing(tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that float32 and bfloat16 can hold, and float16 cannot compute."""
    folder = tmp_path_factory.mktemp("overflowing-llama")
    model = AutoModelForCausalLM.from_pretrained(tiny_models["llama"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "up_proj" in name or "gate_proj" in name:
                parameter *= 1e4
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_models["llama"]).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("method", ["lora", "lora_one", "full"])
def test_a_model_that_overflows_is_refused_before_anything_is_trained(
    overflowing: Path, texts_csv: Path, method: str, strategy: str
) -> None:
    model = {"id": str(overflowing), "dtype": "float16"}
    spec = tiny_run(overflowing, texts_csv, method, model=model, gradient=gradient_spec(strategy))
    events = list(run(spec, workspace=Workspace("cpu")))
    end = events[-1]
    assert isinstance(end, Failed)
    assert (end.code, end.field, end.value) == ("training-stopped", "model.dtype", "float16")
    assert end.hint is not None and "bfloat16" in end.hint
    assert not any(isinstance(e, Metric | InitReport) for e in events)


def test_a_text_of_the_evaluation_that_overflows_is_no_end_of_a_long_training(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora_one")
    workspace = Workspace("cpu")
    list(workspace.prepare(spec))
    ready = workspace.prepared
    unknown = ready.loaded.tokenizer.unk_token_id
    assert not any(unknown in row for row in ready.train.ids)
    others = ready.evaluation.ids[1:]
    evaluation = replace(ready.evaluation, ids=((unknown, *ready.evaluation.ids[0]), *others))
    workspace._prepared = replace(ready, evaluation=evaluation)
    with torch.no_grad():
        ready.loaded.model.get_input_embeddings().weight[unknown] = float("inf")
    events = list(run(spec, workspace=workspace))
    assert isinstance(events[-1], Failed)
    assert "untouched model's eval loss is nan" in events[-1].message
    assert not any(isinstance(e, Metric | InitReport) for e in events)


def test_the_same_model_runs_in_bfloat16(overflowing: Path, texts_csv: Path) -> None:
    model = {"id": str(overflowing), "dtype": "bfloat16"}
    events = list(
        run(tiny_run(overflowing, texts_csv, "lora", model=model), workspace=Workspace("cpu"))
    )
    assert not isinstance(events[-1], Failed), events[-1]
