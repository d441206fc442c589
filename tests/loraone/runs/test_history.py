"""What a worker did before is no part of what it says next, and leaves the model as it was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.catalog import METHODS
from loraone.inputs.models import loading
from loraone.progress import finish
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.loraone.runs.kept import four_columns, small_run
from tests.loraone.runs.told import finished, fresh, told

TARGETS = {
    "bert": ["query", "value"],
    "gpt2": ["c_attn", "c_fc"],
    "llama": ["q_proj", "down_proj"],
    "t5": ["SelfAttention.q", "wo"],
}
GRADIENTS: list[dict[str, Any]] = [
    {"strategy": "sketch"},
    {"strategy": "layerwise", "micro_batch": 8},
    {"strategy": "accumulate", "checkpointing": True},
    {"strategy": "auto", "dropout": True, "head_warmup_steps": 0},
]


def drawn(architecture: str, models: dict[str, Path], data: Path, draw: random.Random) -> RunSpec:
    """A run of some method, of which any part may be another than that of the run before."""
    methods = [
        name
        for name, row in METHODS.items()
        if not row.whole_gradient and (row.conv1d or architecture != "gpt2")
    ]
    gradient = draw.choice(GRADIENTS)
    return small_run(
        models[architecture],
        data,
        methods=[draw.choice(methods)],
        model={"targets": TARGETS[architecture]},
        gradient=gradient,
        adapter={"dropout": draw.choice([0.0, 0.5])},
        measure={"hessian": draw.random() < 0.2, "split_half_agreement": draw.random() < 0.5},
        training={"steps": 1, "batch_size": draw.choice([4, 64])},
        grid={"ranks": [draw.choice([2, 4])], "learning_rates": [0.01]},
    )


def state(model: Any) -> dict[str, Any]:
    """All of a loaded model that another run could see."""
    hooks = [name for name in vars(torch.nn.Module()) if name.endswith(("hooks", "_with_kwargs"))]
    modules = {
        name: (
            type(module).__name__,
            module.training,
            sorted(set(vars(module))),
            [len(getattr(module, each)) for each in hooks if getattr(module, each) is not None],
        )
        for name, module in model.named_modules()
    }
    parameters = {
        name: (p.requires_grad, p.grad is None, str(p.dtype))
        for name, p in model.named_parameters()
    }
    return {
        "modules": modules,
        "parameters": parameters,
        "config": model.config.to_json_string(use_diff=False),
        "random": torch.get_rng_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "modes": (torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()),
    }


@pytest.mark.parametrize("architecture", TARGETS)
def test_a_run_says_what_it_says_alone_whatever_ran_before(
    architecture: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data = four_columns(tmp_path / "texts.csv")
    draw, warm = random.Random(architecture), Workspace("cpu")
    warm.share(tmp_path / "shared")
    for noise in range(7):
        spec = drawn(architecture, tiny_models, data, draw)
        said = told(spec, warm, noise)
        assert finished(said), said[-1]
        assert said == fresh(spec), spec.title


@pytest.mark.parametrize("method", METHODS)
def test_a_run_leaves_the_model_and_the_process_as_they_were(
    method: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data = four_columns(tmp_path / "texts.csv")
    gradient = {"checkpointing": True, "dropout": True}
    spec = small_run(tiny_models["bert"], data, methods=[method], gradient=gradient)
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    model = workspace.prepared.loaded.model
    torch.manual_seed(7)
    before = state(model)
    said = told(spec, workspace, noise=7)
    assert finished(said), said[-1]
    after = state(model)
    assert {name for name in before if before[name] != after[name]} == set()
    assert loading.weights_hash(model) == workspace.start.weights_hash


@pytest.mark.parametrize("method", ["lora", "lora_ga"])
def test_a_sketch_says_the_values_that_were_asked_for_whoever_asked_for_more(
    method: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data, warm = four_columns(tmp_path / "texts.csv"), Workspace("cpu")
    for rank in (2, 4, 2):
        grid = {"ranks": [rank], "learning_rates": [0.01]}
        for each in ("lora_ga", method):
            gradient = {"strategy": "sketch"}
            spec = small_run(
                tiny_models["bert"], data, gradient=gradient, grid=grid, methods=[each]
            )
            said = told(spec, warm)
            assert finished(said), said[-1]
            assert said == fresh(spec)


def test_the_untouched_model_is_evaluated_in_the_batches_that_were_asked_for(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data, warm = four_columns(tmp_path / "texts.csv"), Workspace("cpu")
    said = []
    for size in (4, 64, 4):
        spec = small_run(
            tiny_models["bert"],
            data,
            data={"train_samples": 60},
            gradient={"head_warmup_steps": 0},
            measure={"held_out_samples": 50},
            training={"batch_size": size},
        )
        start = None if warm._start is None else warm.start
        said.append(told(spec, warm))
        assert finished(said[-1])
        assert said[-1] == fresh(spec)
        assert start is None or warm.start is start, "the gradient is the same, and kept"
    report = next(event for event in said[0] if event["kind"] == "'init_report'")
    other = next(event for event in said[1] if event["kind"] == "'init_report'")
    before = "held_out_loss_before"
    assert report["scalars"][before] != other["scalars"][before], "or nothing could be seen here"
