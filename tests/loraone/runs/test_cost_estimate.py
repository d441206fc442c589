"""Estimates of time and memory, and the sizes and rates that they are made from."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loraone import ExperimentSpec, expand
from loraone.inputs.models import checkpoint, loading
from loraone.inputs.models.checkpoint import Checkpoint
from loraone.runs import cost_estimate, spending
from loraone.runs.device_benchmark import DeviceBenchmark, measure
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from tests.conftest import TASK_OF, tiny_run

SPEED = DeviceBenchmark("test", 1e11, 3e10, 16 * 10**9, 5 * 10**8)
SIZES = Checkpoint({f"layer.{i}.{name}": (384, 384) for i in range(6) for name in "qkv"}, 10**7)


def run(**changes: object) -> RunSpec:
    return expand(ExperimentSpec.model_validate({"methods": ["lora"], **changes}))[0]


@pytest.mark.parametrize("name", list(TASK_OF))
def test_the_headers_say_what_the_loaded_model_has(name: str, tiny_models: dict[str, Path]) -> None:
    folder = next(path for key, path in tiny_models.items() if name in key)
    spec = ModelSpec(id=str(folder))
    found = checkpoint.read(spec)
    assert found is not None
    loaded = loading.load(spec, TASK_OF[name], 2, torch.device("cpu"))
    shapes = sorted(sorted(layer.shape) for layer in loaded.layers)
    assert sorted(sorted(shape) for shape in found.targets(spec)) == shapes
    assert found.blocks > 0
    some = spec.model_copy(update={"targets": (loaded.layers[0].name.rsplit(".", 1)[-1],)})
    assert len(found.targets(some)) == len(loading.find_targets(loaded.model, some))


def test_a_model_that_is_not_here_has_no_size() -> None:
    assert checkpoint.read(ModelSpec(id="somebody/something")) is None
    assert checkpoint.read(ModelSpec(id="./nowhere")) is None


def test_experts_take_the_time_of_those_that_are_used_and_memory_for_their_sums() -> None:
    experts = {f"layer.{i}.experts.down_proj[{e}]": (384, 384) for i in range(6) for e in range(8)}
    whole = replace(SIZES, experts=experts, active=0.25)
    weights = 6 * 8 * 384 * 384
    assert whole.multiplied == SIZES.multiplied + weights / 4
    left, adapted = (run(model={"target_parameters": each}) for each in ("none", "experts"))
    assert (
        cost_estimate.of_run(left, whole, SPEED).seconds
        > cost_estimate.of_run(left, SIZES, SPEED).seconds
    )
    assert (
        cost_estimate.of_run(left, whole, SPEED).memory
        == cost_estimate.of_run(left, SIZES, SPEED).memory
    )
    sparing = run(model={"target_parameters": "experts"}, training={"checkpointing": True})
    plain = run(training={"checkpointing": True})
    more = (
        cost_estimate.of_run(adapted, whole, SPEED).memory
        - cost_estimate.of_run(left, whole, SPEED).memory
    )
    less = (
        cost_estimate.of_run(sparing, whole, SPEED).memory
        - cost_estimate.of_run(plain, whole, SPEED).memory
    )
    assert more > 4 * weights, "W + s·B·A of all experts is kept for the backward pass"
    assert more - less == pytest.approx(1.4 * 4 * weights * 5 / 6), "or that of one block of six"


def test_sizes_are_read_anew_when_the_files_change(
    tmp_path: Path, tiny_models: dict[str, Path]
) -> None:
    import shutil

    from safetensors.torch import save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_models["bert"], folder)
    before = checkpoint.read(ModelSpec(id=str(folder)))
    (file,) = folder.glob("*.safetensors")
    save_file({"encoder.0.q.weight": torch.zeros(3, 5)}, file)
    after = checkpoint.read(ModelSpec(id=str(folder)))
    assert before != after == Checkpoint({"encoder.0.q": (3, 5)}, 15)


def test_the_benchmark_measures_rates_that_a_processor_has() -> None:
    found = measure(threads=1)
    assert 1e8 < found.multiply < 1e14
    assert 1e7 < found.decompose < 1e13
    assert found.memory > found.base > 0


def test_the_benchmark_prints_what_the_server_reads() -> None:
    command = [sys.executable, "-m", "loraone.runs.device_benchmark", "--threads", "1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert DeviceBenchmark(**json.loads(said)).device.startswith("CPU")


@given(
    steps=st.integers(1, 200), batch=st.integers(1, 64), length=st.integers(8, 256),
    rank=st.integers(1, 64),
)  # fmt: skip
def test_more_work_takes_longer_and_holds_no_less(
    steps: int, batch: int, length: int, rank: int
) -> None:
    def cost(**more: int) -> cost_estimate.Cost:
        given = {"steps": steps, "batch_size": batch, "max_length": length, "rank": rank} | more
        spec = run(
            training={"steps": given["steps"], "batch_size": given["batch_size"]},
            data={"max_length": given["max_length"]},
            grid={"ranks": [given["rank"]]},
        )
        return cost_estimate.of_run(spec, SIZES, SPEED)

    base = cost()
    for name, value in (
        ("steps", 2 * steps), ("batch_size", 2 * batch), ("max_length", 2 * length),
        ("rank", 2 * rank),
    ):  # fmt: skip
        more = cost(**{name: value})
        assert more.seconds > base.seconds
        assert more.memory >= base.memory


def test_a_gradient_is_paid_for_once_by_all_runs_that_share_it() -> None:
    grid = {"learning_rates": [1e-3, 2e-3, 4e-3], "seeds": [0, 1]}
    specs = expand(ExperimentSpec.model_validate({"methods": ["lora", "lora_one"], "grid": grid}))
    costs = [cost_estimate.of_run(spec, SIZES, SPEED) for spec in specs]
    found = cost_estimate.of_runs(specs, SIZES, SPEED)
    own = sum(cost.seconds for cost in costs)
    shared = 2 * costs[0].shared + costs[0].once
    assert found.seconds == pytest.approx(own + shared + cost_estimate._LOAD)
    twice = cost_estimate.of_runs(specs, SIZES, SPEED, 2.0, 3.0)
    assert twice.seconds == pytest.approx(2 * found.seconds)
    assert twice.memory == pytest.approx(3 * found.memory)


def test_prices_are_the_whole_time_but_for_what_is_less_than_a_tenth_of_a_gradient() -> None:
    grid = {"learning_rates": [1e-3, 2e-3], "seeds": [0, 1]}
    given = {"methods": ["lora", "lora_one"], "grid": grid, "data": {"max_length": 512}}
    specs = expand(ExperimentSpec.model_validate(given))
    found = cost_estimate.of_runs(specs, SIZES, SPEED)
    prices = {price.label: price for price in found.prices}
    gradient = prices["One-step gradient"]
    assert gradient.gradients == 1
    assert all(price.gradients > 0.1 for price in found.prices)
    assert [p.seconds for p in found.prices] == sorted(p.seconds for p in found.prices)[::-1]
    said = sum(price.seconds for price in found.prices) + cost_estimate._LOAD
    assert found.seconds - 14 * 0.1 * gradient.seconds < said <= found.seconds
    assert (prices["Evaluation"].field, prices["Evaluation"].switch) == (
        "training.eval_every",
        "Evaluate every",
    )


@pytest.mark.parametrize(
    ("measure", "label"),
    [
        ({"split_half_agreement": False}, "Agreement of its halves"),
        ({"spectra": "top"}, "Spectra of gradients"),
        ({"spectra": "top"}, "Spectra of weights"),
        ({"save_adapter": False}, "Writing and verifying the adapter"),
    ],
    ids=str,
)
def test_what_is_switched_off_costs_nothing(measure: dict[str, Any], label: str) -> None:
    large = Checkpoint({f"layers.{i}.q": (2048, 2048) for i in range(4)}, 10**8)
    spec = run(data={"max_length": 16}, gradient={"samples": 4})
    before = {price.label for price in cost_estimate.of_runs([spec], large, SPEED).prices}
    other = run(data={"max_length": 16}, gradient={"samples": 4}, measure=measure)
    after = {price.label for price in cost_estimate.of_runs([other], large, SPEED).prices}
    assert before - after == ({label} | ({"Spectra of gradients", "Spectra of weights"} & before
        if "spectra" in measure else set()))  # fmt: skip


def test_an_estimated_spectrum_costs_less_than_a_whole_one_and_weights_are_paid_for_once() -> None:
    large = Checkpoint({f"layers.{i}.q": (4096, 11008) for i in range(4)}, 10**9)

    def price(known: str, seeds: int) -> dict[str, float]:
        spec = ExperimentSpec.model_validate(
            {"methods": ["lora"], "measure": {"spectra": known}, "gradient": {"samples": 8},
             "grid": {"seeds": list(range(seeds))}})  # fmt: skip
        found = cost_estimate.of_runs(expand(spec), large, SPEED).prices
        return {each.label: each.seconds for each in found}

    one, two, whole = price("auto", 1), price("auto", 2), price("whole", 1)
    for label in ("Spectra of gradients", "Spectra of weights"):
        assert one[label] < whole[label] / 1.5
    assert two["Spectra of gradients"] == pytest.approx(2 * one["Spectra of gradients"])
    assert two["Spectra of weights"] == one["Spectra of weights"]


def seconds(spec: RunSpec, *others: RunSpec) -> dict[str, float]:
    found = cost_estimate.of_runs([spec, *others], SIZES, SPEED).prices
    return {price.label: price.seconds for price in found}


def test_another_rank_is_decomposed_anew_and_takes_the_pass_again_for_its_halves() -> None:
    texts = {"data": {"max_length": 512}}
    eight, sixteen = run(**texts, grid={"ranks": [8]}), run(**texts, grid={"ranks": [16]})
    one, both = seconds(eight), seconds(eight, sixteen)
    assert both["One-step gradient"] == one["One-step gradient"]
    agreement = both["Agreement of its halves"] - one.get("Agreement of its halves", 0.0)
    assert agreement > one["One-step gradient"]


def test_a_sketch_takes_four_passes_and_knows_no_spectrum() -> None:
    exact = seconds(run(data={"max_length": 64}))
    sketched = seconds(run(data={"max_length": 64}, gradient={"strategy": "sketch"}))
    assert sketched["One-step gradient"] == pytest.approx(exact["One-step gradient"] * 8 / 3)
    assert "Spectra of gradients" not in sketched
    assert sketched["Agreement of its halves"] == sketched["One-step gradient"]


def test_what_a_method_decomposes_itself_is_its_own_price() -> None:
    label = "The method's own decompositions"
    short: dict[str, Any] = {"data": {"max_length": 8}, "gradient": {"samples": 4}}
    assert label not in seconds(run(**short))
    whole, top = (seconds(run(methods=[name], **short))[label] for name in ("pissa", "lora_xs"))
    assert whole > top


def test_parts_of_a_step_and_recomputed_blocks_take_less_memory() -> None:
    def cost(**training: object) -> cost_estimate.Cost:
        spec = run(training={"batch_size": 64, **training}, gradient={"micro_batch": 1})
        return cost_estimate.of_run(spec, SIZES, SPEED)

    whole, halves = cost(), cost(gradient_accumulation=2)
    assert halves.memory < whole.memory and halves.seconds == whole.seconds
    recomputed = cost(checkpointing=True)
    assert recomputed.memory < whole.memory and recomputed.seconds > whole.seconds


def test_full_fine_tuning_takes_more_and_what_does_not_fit_is_named() -> None:
    small = DeviceBenchmark("test", 1e11, 3e10, 7 * 10**8, 5 * 10**8)
    specs = [run(), run(methods=["full"])]
    lora, full = (cost_estimate.of_run(spec, SIZES, SPEED) for spec in specs)
    assert full.seconds > lora.seconds
    assert full.memory > lora.memory
    between = DeviceBenchmark("test", 1e11, 3e10, int((lora.memory + full.memory) / 2), small.base)
    assert cost_estimate.of_runs(specs, SIZES, between).too_large == ("Full fine-tuning",)
    assert cost_estimate.of_runs(specs, SIZES, SPEED).too_large == ()


def test_a_tiny_run_is_estimated_from_its_own_model(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["bert"], texts_csv)
    sizes = checkpoint.read(spec.model)
    assert sizes is not None
    # Hardly more than what no arithmetic accounts for.
    assert cost_estimate.of_run(spec, sizes, SPEED).seconds < 2 * (spending.START + spending.EXPORT)
