"""A base is quantised as it is loaded, stays what it is, and is held in the bits that it has."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.errors import ModelError
from loraone.inputs.models import packed, quantisation
from loraone.inputs.models.digests import weight_digests
from loraone.inputs.models.originals import OriginalWeights
from loraone.inputs.models.pretrained import PretrainedWeights
from loraone.runs.cost_estimate import bytes_of
from loraone.spec.model import ModelSpec
from tests.loraone.inputs.models import quantised
from tests.loraone.inputs.models.quantised import KINDS

ARCHITECTURES = ["bert", "gpt2", "llama", "t5"]


def asked(folder: Path, kind: str, **fields: Any) -> ModelSpec:
    return ModelSpec(id=str(folder), quantization=kind, **fields)


def ids(arch: str) -> dict[str, torch.Tensor]:
    given = torch.arange(3, 12).reshape(1, -1)
    return {"input_ids": given, **({"decoder_input_ids": given} if arch == "t5" else {})}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_linear_layers_of_the_blocks_are_quantised_and_no_head_is(
    wide_models: dict[str, Path], arch: str, kind: str
) -> None:
    found = quantised.loaded(wide_models[arch], arch, quantization=kind)
    plain = quantised.loaded(wide_models[arch], arch)
    names = {name for name, module in found.model.named_modules() if packed.is_packed(module)}
    # transformers keeps the second half of T5's feed-forward layers in full precision.
    targets = {layer.name for layer in plain.layers if not layer.name.endswith(".wo")}
    assert targets <= names
    assert not any(name.startswith(("lm_head", "classifier")) for name in names)
    assert found.heads == plain.heads
    assert [layer.shape for layer in found.layers] == [layer.shape for layer in plain.layers]
    for mine, theirs in zip(found.layers, plain.layers, strict=True):
        assert mine.quantised == (mine.name in names)
        difference = float((mine.weight - theirs.weight).norm() / theirs.weight.norm())
        assert difference < ({"int8": 0.01, "nf4": 0.11}[kind] if mine.quantised else 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_looking_at_a_model_does_not_make_it_another(
    wide_models: dict[str, Path], kind: str, dtype: str
) -> None:
    """bitsandbytes packs weights anew in the first evaluation on some CPUs, and loses digits."""
    found = quantised.loaded(wide_models["llama"], "llama", quantization=kind, dtype=dtype)
    before, weights = weight_digests(found.model), [layer.weight for layer in found.layers]
    with torch.no_grad():
        logits = found.model(**ids("llama")).logits
    assert weight_digests(found.model) == before
    assert all(torch.equal(w, x.weight) for w, x in zip(weights, found.layers, strict=True))
    model, _ = quantised.stands_for(found)
    allowed = 1e-6 if (kind, dtype) == ("nf4", "float32") else 0.05
    with torch.no_grad():
        assert float((model(**ids("llama")).logits - logits).abs().max()) < allowed


def test_no_matrix_in_full_precision_is_held_but_the_one_that_is_asked_for(
    wide_models: dict[str, Path],
) -> None:
    for kind in KINDS:
        found = quantised.loaded(wide_models["llama"], "llama", quantization=kind)
        pretrained = PretrainedWeights(
            found, asked(wide_models["llama"], kind), weight_digests(found.model)
        )
        before = len(quantised.weight_shaped(found.model))
        one = pretrained[found.layers[0].name]
        assert one.shape == found.layers[0].shape
        assert len(quantised.weight_shaped(found.model)) == before + 1
        del one
        for name in pretrained:
            assert pretrained[name].dtype == torch.float32
        assert len(quantised.weight_shaped(found.model)) == before
        # The embedding and the head have the shape of none of the layers here.
        assert before == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("double", [True, False])
def test_the_plan_counts_the_bytes_that_are_held(
    wide_models: dict[str, Path], kind: str, double: bool
) -> None:
    spec = asked(wide_models["llama"], kind, double_quantization=double)
    found = quantised.loaded(
        wide_models["llama"], "llama", quantization=kind, double_quantization=double
    )
    for layer in found.layers:
        said = bytes_of(spec, *layer.shape)
        # Blocks of 64 and of 256 numbers are whole ones in layers as small as these.
        assert said <= packed.held(layer.module) <= said + 4 + 4 * double + 4
        assert said < 4 * layer.shape[0] * layer.shape[1] / 2


def test_the_digest_of_a_weight_is_of_all_that_its_bits_are_read_by(
    wide_models: dict[str, Path],
) -> None:
    def digest_of(kind: str, change: Any = None, **fields: Any) -> str:
        found = quantised.loaded(wide_models["llama"], "llama", quantization=kind, **fields)
        layer = found.layers[0]
        if change is not None:
            change(layer.module)
        spec = asked(wide_models["llama"], kind, **fields)
        return PretrainedWeights(found, spec, weight_digests(found.model)).digest(layer.name)

    def scaled(module: Any) -> None:
        next(packed.scales(module)).mul_(2)

    for kind in KINDS:
        assert digest_of(kind) == digest_of(kind)
        assert digest_of(kind) != digest_of(kind, scaled)
    assert digest_of("nf4") != digest_of("nf4", double_quantization=False)


@pytest.mark.parametrize("arch", ["gpt2", "llama", "t5"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_weight_before_it_was_quantised_is_read_from_the_file(
    wide_models: dict[str, Path], arch: str, kind: str, dtype: str
) -> None:
    spec = asked(wide_models[arch], kind, dtype=dtype)
    found = quantised.loaded(wide_models[arch], arch, quantization=kind, dtype=dtype)
    plain = quantised.loaded(wide_models[arch], arch, dtype=dtype)
    originals = OriginalWeights(found, spec)
    assert set(originals) == {layer.name for layer in found.layers if layer.quantised}
    for layer in plain.layers:
        if layer.name in originals:
            assert torch.equal(originals[layer.name], layer.weight.float())
    other = OriginalWeights(found, spec.model_copy(update={"id": str(wide_models["bert"])}))
    with pytest.raises(ModelError, match="holds the weight that layer"):
        other[found.layers[0].name]


@pytest.mark.parametrize("kind", KINDS)
def test_without_bitsandbytes_a_launch_says_what_to_install(
    wide_models: dict[str, Path], texts_csv: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, quantisation.PACKAGE, None)  # as if it were not installed
    error = quantised.refusal(wide_models["llama"], texts_csv, quantization=kind)
    assert (error.field, error.value) == ("model.quantization", kind)
    assert error.hint == "pip install 'loraone-lab[quantised]'"


def test_scales_that_are_no_numbers_are_refused_by_the_name_of_the_weight(
    wide_models: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "llama-broken"
    shutil.copytree(wide_models["llama"], folder)
    tensors = load_file(folder / "model.safetensors")
    name = next(key for key in tensors if key.endswith("q_proj.weight"))
    tensors[name][0, 0] = torch.inf
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for kind in KINDS:
        with pytest.raises(ModelError, match=f"not finite in float32: {name}"):
            quantised.loaded(folder, "llama", quantization=kind)


def test_rows_that_are_misread_here_are_refused_and_what_is_taken_is_read_well(
    tiny_models: dict[str, Path], wide_models: dict[str, Path]
) -> None:
    """Whatever this processor is: a base that is taken is off by what 4 bits lose, 9 %."""
    for folder in (tiny_models["llama"], wide_models["llama"]):
        try:
            found = quantised.loaded(folder, "llama", quantization="nf4")
        except ModelError as error:
            assert folder == tiny_models["llama"]
            assert error.field == "model.quantization"
            assert "misreads 4-bit rows of that length on this cpu" in error.message
            continue
        plain = quantised.loaded(folder, "llama")
        for mine, theirs in zip(found.layers, plain.layers, strict=True):
            assert float((mine.weight - theirs.weight).norm() / theirs.weight.norm()) < 0.11


def test_heads_of_several_layers_stay_as_they_are(tmp_path: Path) -> None:
    import transformers

    config = transformers.RobertaConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    options = quantisation.options(
        asked(tmp_path, "nf4"),
        config,
        transformers.RobertaForSequenceClassification,
        torch.device("cpu"),
    )
    assert "classifier" in options["quantization_config"].llm_int8_skip_modules
