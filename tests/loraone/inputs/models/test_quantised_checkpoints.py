"""Checkpoints that are quantised already: read, planned, loaded as they are, or refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.errors import SpecError
from loraone.inputs.models import checkpoint, packed
from loraone.inputs.models.foreseen import foresee, foresee_runs
from loraone.inputs.models.paths import preflight
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_experiment
from tests.loraone.inputs.models import quantised
from tests.loraone.inputs.models.quantised import KINDS

AUTO = {"bert": "AutoModelForSequenceClassification", "t5": "AutoModelForSeq2SeqLM"}
ARCHITECTURES = ["bert", "gpt2", "llama", "t5"]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("kind", [*KINDS, "fp4"])
def test_a_checkpoint_that_is_quantised_already_is_loaded_as_it_is(
    wide_models: dict[str, Path], tmp_path: Path, arch: str, kind: str
) -> None:
    auto = AUTO.get(arch, "AutoModelForCausalLM")
    folder = quantised.saved_quantised(wide_models[arch], tmp_path / f"{arch}-{kind}", kind, auto)
    found = quantised.loaded(folder, arch)
    plain = quantised.loaded(wide_models[arch], arch)
    assert found.quantised
    assert found.heads == plain.heads
    assert not any(packed.is_packed(getattr(found.model, head)) for head in found.heads)
    stored = checkpoint.read(ModelSpec(id=str(folder)))
    before = checkpoint.read(ModelSpec(id=str(wide_models[arch])))
    assert stored is not None and before is not None
    assert stored.parameters == before.parameters
    for layer in found.layers:
        if layer.quantised:
            key = next(key for key in stored.layers if checkpoint.is_named(key, layer.name))
            assert stored.layers[key] == layer.shape
            held = packed.held(layer.module)
            assert held <= stored.packed[key] <= held + 2000  # the tables of levels, too
    if kind != "fp4":
        again = quantised.loaded(wide_models[arch], arch, quantization=kind)
        for one, other in zip(found.layers, again.layers, strict=True):
            assert torch.equal(one.weight, other.weight)


def test_a_quantised_checkpoint_can_be_planned_and_refuses_methods_by_name(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = quantised.saved_quantised(
        wide_models["llama"], tmp_path / "llama-nf4", "nf4", "AutoModelForCausalLM"
    )
    names = ["lora", "lora_one", "lora_xs"]
    spec = ExperimentSpec.model_validate(tiny_experiment(folder, texts_csv, methods=names))
    assert preflight(spec, None) == [] == foresee(spec)
    assert foresee_runs(spec, expand(spec)) == [None] * 3
    once = {"name": "loftq", "params": {"iterations": 1}}
    for method, why in (("pissa", "so few bits round away"), ("full", "no gradient"),
                        (once, "the weights before it are gone")):  # fmt: skip
        body = tiny_experiment(folder, texts_csv, methods=["lora", method])
        (error,) = preflight(ExperimentSpec.model_validate(body), None)
        assert (error.field, type(error)) == ("methods.1.name", SpecError)
        assert f"is quantised (nf4), and {why}" not in (error.allowed or "")
        assert why in error.message and "lora_one" in (error.allowed or "")
        assert "loftq" not in (error.allowed or "")


def test_a_checkpoint_is_not_quantised_twice(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = quantised.saved_quantised(
        wide_models["llama"], tmp_path / "llama-8", "int8", "AutoModelForCausalLM"
    )
    error = quantised.refusal(folder, texts_csv, quantization="nf4")
    assert (error.field, error.value) == ("model.quantization", "nf4")
    assert "quantised already (int8)" in error.message


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "awq"}, "awq"),
        ({"quant_method": "fp8"}, "fp8"),
        ({}, "unknown"),
        ("4 bits", "unknown"),
    ],
)
def test_what_another_package_has_quantised_is_refused_by_name(
    wide_models: dict[str, Path], texts_csv: Path, tmp_path: Path, words: Any, kind: str
) -> None:
    folder = tmp_path / "llama-other"
    shutil.copytree(wide_models["llama"], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": words}))
    error = quantised.refusal(folder, texts_csv)
    assert error.field == "model.id"
    assert f"quantised by {kind}" in error.message
    assert "bitsandbytes in 8 or 4 bits" in (error.allowed or "")


def test_a_header_that_does_not_say_its_shape_is_no_checkpoint(
    wide_models: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = quantised.saved_quantised(
        wide_models["llama"], tmp_path / "llama-nf4", "nf4", "AutoModelForCausalLM"
    )
    file = folder / "model.safetensors"
    tensors = load_file(file)
    state = next(key for key in tensors if "quant_state" in key)
    for words in (b"[]", b'{"shape": [3]}', b'{"shape": [-1, 1e400]}', b"{"):
        save_file(tensors | {state: torch.tensor(list(words), dtype=torch.uint8)}, file)
        assert checkpoint.read(ModelSpec(id=str(folder))) is None
