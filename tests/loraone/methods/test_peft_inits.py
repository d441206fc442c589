"""What PEFT computes is PEFT's own result: its inits, and its passes over the data for two."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    EvaConfig,
    LoraConfig,
    get_peft_model,
    initialize_lora_eva_weights,
)
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda

from loraone.adapters.adapted import Adapted
from loraone.catalog import METHODS
from loraone.errors import SpecError
from loraone.inputs.data.batches import Batch
from loraone.inputs.models import loading
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.gradient.test_exact import texts
from tests.loraone.methods.tiny import refused

FROM_PEFT = [
    row.name
    for row in METHODS.values()
    if row.initialise is None and row.prepare is None and row.trains != "all"
]


@pytest.mark.parametrize("method", FROM_PEFT)
def test_what_peft_provides_is_pefts_own_result_bit_for_bit(
    tiny_models: dict[str, Path], method: str
) -> None:
    spec = tiny_run(tiny_models["bert"], Path("x.csv"), method)
    cpu = torch.device("cpu")
    loaded = loading.load(spec.model, spec.task, 2, cpu)
    ours = Adapted(loaded, spec, {}, no_data)
    again = loading.load(spec.model, spec.task, 2, cpu)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(spec.seed)
        theirs = get_peft_model(
            again.model,
            LoraConfig(
                r=spec.rank,
                lora_alpha=16,
                use_rslora=True,
                target_modules=[layer.name for layer in again.layers],
                modules_to_save=["classifier"],
                init_lora_weights=METHODS[method].peft_init,
                task_type="SEQ_CLS",
            ),
        )
    modules = dict(theirs.base_model.model.named_modules())
    for layer, copy in zip(loaded.layers, again.layers, strict=True):
        pair = ours.factors(layer.name)
        assert pair is not None
        assert torch.equal(pair.A, modules[layer.name].lora_A["default"].weight)
        assert torch.equal(pair.B, modules[layer.name].lora_B["default"].weight)
        assert torch.equal(layer.weight, copy.weight)


def no_data(size: int) -> Iterator[Batch]:
    raise AssertionError("this method does not look at the data")


def calibrated(
    tiny_models: dict[str, Path], method: Any
) -> tuple[Adapted, loading.LoadedModel, loading.LoadedModel, list[Batch], RunSpec]:
    """A model adapted by ours, a fresh copy of it, and the texts that were looked at."""
    spec = tiny_run(tiny_models["llama"], Path("x.csv"), method)
    loaded, fresh = (loading.load(spec.model, spec.task, 0, torch.device("cpu")) for _ in "ab")
    data = texts([6, 9, 4, 7, 8, 5, 9, 9], causal=True)
    rows = range(len(data))
    cpu = torch.device("cpu")
    ours = Adapted(loaded, spec, {}, lambda size: data.batches(rows, size, cpu))
    size = 1 if method == "corda" else 16
    return ours, loaded, fresh, list(data.batches(rows, size, cpu)), spec


def plain_config(spec: RunSpec, loaded: loading.LoadedModel, **options: Any) -> LoraConfig:
    return LoraConfig(
        r=spec.rank,
        lora_alpha=16,
        use_rslora=True,
        target_modules=[layer.name for layer in loaded.layers],
        task_type="CAUSAL_LM",
        **options,
    )


def test_corda_is_pefts_own_result_bit_for_bit(tiny_models: dict[str, Path]) -> None:
    ours, loaded, fresh, batches, spec = calibrated(tiny_models, "corda")
    options = {"init_lora_weights": "corda", "corda_config": CordaConfig(corda_method="ipm")}
    config = plain_config(spec, fresh, **options)

    def run_model() -> None:
        for batch in batches:
            fresh.model(**batch)

    preprocess_corda(fresh.model, config, run_model)
    modules = dict(get_peft_model(fresh.model, config).base_model.model.named_modules())
    for layer, copy in zip(loaded.layers, fresh.layers, strict=True):
        pair = ours.factors(layer.name)
        assert pair is not None
        assert torch.equal(pair.A, modules[layer.name].lora_A["default"].weight)
        assert torch.equal(pair.B, modules[layer.name].lora_B["default"].weight)
        assert torch.equal(layer.weight, copy.weight)


def test_eva_is_pefts_own_result_and_its_layers_have_the_ranks_it_gave_them(
    tiny_models: dict[str, Path],
) -> None:
    ours, _, fresh, batches, spec = calibrated(tiny_models, "eva")
    config = plain_config(spec, fresh, init_lora_weights="eva", eva_config=EvaConfig())
    theirs = get_peft_model(fresh.model, config)
    initialize_lora_eva_weights(theirs, batches, show_progress_bar=False)
    modules = dict(theirs.base_model.model.named_modules())
    ranks = set()
    for layer in fresh.layers:
        pair, module = ours.factors(layer.name), modules[layer.name]
        assert (pair is None) == (not hasattr(module, "lora_A"))
        if pair is not None:
            # Their positions come in the same order, so even sums agree to the last bit or so.
            torch.testing.assert_close(pair.A, module.lora_A["default"].weight.detach())
            ranks.add(len(pair.A))
            assert float(pair.B.abs().max()) == 0
    assert len(ranks) > 1, "ranks should have been moved between layers"
    assert max(ranks) <= 2 * spec.rank


def test_eva_with_more_directions_than_tokens_is_refused_where_peft_would_never_end(
    tiny_models: dict[str, Path],
) -> None:
    spec = tiny_run(tiny_models["llama"], Path("x.csv"), {"name": "eva", "params": {"rho": 4}})
    loaded = loading.load(spec.model, spec.task, 0, torch.device("cpu"))
    data = texts([3, 4], causal=True)
    with pytest.raises(SpecError, match=r"16 directions.*7 tokens"):
        Adapted(loaded, spec, {}, lambda size: data.batches([0, 1], size, torch.device("cpu")))


def test_corda_on_a_layer_that_sees_one_position_is_refused_by_name(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    targets = {"id": str(tiny_models["bert"]), "targets": ["query", "pooler.dense"]}
    ended = refused(tiny_run(tiny_models["bert"], texts_csv, "corda", model=targets))
    assert (ended.code, ended.field, ended.value) == (
        "model-not-usable",
        "model.targets",
        "bert.pooler.dense",
    )
