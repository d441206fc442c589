"""A model's attention is computed as a spec asks, or the spec is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from pydantic import ValidationError

from loraone.errors import ModelError
from loraone.inputs.models import attention, loading
from loraone.spec.model import ModelSpec
from tests.conftest import TASK_OF, tiny_run
from tests.loraone.methods.tiny import ARCHITECTURES, CPU, refused


def loaded(folder: Path, arch: str, **asked: Any) -> Any:
    spec = ModelSpec(id=str(folder), **asked)
    return loading.load(spec, TASK_OF.get(arch, "causal-lm"), 2, CPU).model


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_same_is_computed_in_the_way_that_is_asked_for(
    tiny_models: dict[str, Path], arch: str
) -> None:
    ids = torch.arange(3, 12).reshape(1, -1)
    given = {"input_ids": ids, **({"decoder_input_ids": ids} if arch == "t5" else {})}
    found = {}
    for way in ("auto", "eager", "sdpa"):
        model = loaded(tiny_models[arch], arch, attn_implementation=way)
        assert model.config._attn_implementation == {"auto": "sdpa"}.get(way, way)
        torch.manual_seed(0)
        for parameter in model.parameters():  # the head of a classifier is drawn anew
            parameter.data = torch.randn_like(parameter) * 0.1
        found[way] = model(**given).logits.detach()
    assert torch.equal(found["auto"], found["sdpa"])
    assert torch.allclose(found["eager"], found["sdpa"], atol=1e-5)


def test_attention_that_a_model_has_not_is_refused_with_those_it_has() -> None:
    spec = ModelSpec(id="a/b", attn_implementation="sdpa")
    with pytest.raises(ModelError, match="BloomForCausalLM has no sdpa") as error:
        attention.options(spec, transformers.BloomForCausalLM, CPU)
    assert error.value.field == "model.attn_implementation"
    assert error.value.allowed == "auto, eager"


def test_a_package_or_a_device_that_is_not_there_ends_the_run_with_the_field(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    folder = tiny_models["llama"]
    asked = {"id": str(folder), "dtype": "bfloat16", "attn_implementation": "flash_attention_2"}
    ended = refused(tiny_run(folder, texts_csv, "lora", model=asked))
    assert ended.code == "model-not-usable"
    assert (ended.field, ended.allowed) == ("model.attn_implementation", "auto, eager, sdpa")
    assert "flash-attn and a CUDA device; this is cpu" in ended.message


def test_flash_attention_in_float32_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ValidationError, match="computes in 16 bits; allowed with float32: auto"):
        ModelSpec(attn_implementation="flash_attention_2")


def test_runs_of_different_attention_share_no_start(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    keys = {
        tiny_run(
            tiny_models["bert"],
            texts_csv,
            model={"id": str(tiny_models["bert"]), "attn_implementation": way},
        ).start.key
        for way in ("auto", "eager", "sdpa")
    }
    assert len(keys) == 3
