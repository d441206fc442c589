"""The losses around an init take as few forward passes as they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import InitReport
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.training import evaluation
from tests.conftest import tiny_run

# Eight of each, so that the texts whose logits are compared are the whole held-out batch.
SPEC: dict[str, Any] = {
    "gradient": {"samples": 8, "micro_batch": 4},
    "measure": {"held_out_samples": 8, "alignment_every": 2},
    "training": {"steps": 1, "batch_size": 8, "warmup_steps": 1, "eval_every": 1},
}


def until_training(spec: Any, workspace: Workspace) -> tuple[list[tuple[int, bool]], InitReport]:
    """Texts and whether there was a gradient, of each forward pass up to the first evaluation."""
    passes: list[tuple[int, bool]] = []

    def called(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        if "input_ids" in kwargs and type(module).__name__ == "LlamaForCausalLM":
            passes.append((len(kwargs["input_ids"]), torch.is_grad_enabled()))

    handle = torch.nn.modules.module.register_module_forward_hook(called, with_kwargs=True)
    report: Any = None
    try:
        for event in run(spec, workspace=workspace):
            if isinstance(event, InitReport):
                report = event
                break
    finally:
        handle.remove()
    return passes, report


@pytest.mark.parametrize(
    ("method", "after"),
    [("lora", 1), ("lora_one", 2), ("pissa", 3), ("full", 1)],
)
def test_each_is_counted(
    method: str, after: int, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, method, **SPEC)
    passes, _ = until_training(spec, Workspace("cpu"))
    gradient = [size for size, graded in passes if graded]
    assert gradient == [4, 4]
    others = [size for size, graded in passes if not graded]
    # When it is loaded, once the held-out batch before the init, and the whole evaluation split.
    assert others[:5] == [2, 1, 1, 8, 16]
    assert others[5:] == [8] * after


def test_what_the_gradients_pass_knows_is_what_an_evaluation_gives(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    for kind in ("llama", "bert"):
        spec = tiny_run(tiny_models[kind], texts_csv, "lora", **SPEC)
        workspace = Workspace("cpu")
        _, report = until_training(spec, workspace)
        del report
        list(run(spec, workspace=workspace))
        start, ready = workspace.start, workspace.prepared
        alone = evaluation.evaluate(
            ready.loaded.model,
            ready.train,
            start.gradient_rows,
            evaluation.evaluation_batch(spec.training),
            workspace.device,
        )
        assert start.loss == pytest.approx(alone.mean_loss, rel=1e-5)


def test_a_loss_with_logits_is_the_loss_and_the_logits(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    for kind in ("llama", "bert", "t5"):
        spec = tiny_run(tiny_models[kind], texts_csv, "lora", **SPEC)
        workspace = Workspace("cpu")
        for _ in workspace.prepare(spec):
            pass
        ready, rows = workspace.prepared, list(range(20))
        given = (ready.loaded.model, ready.train, rows)
        size = evaluation.evaluation_batch(spec.training)
        loss, logits = evaluation.evaluate_with_logits(*given, 8, size, workspace.device)
        assert loss == pytest.approx(
            evaluation.evaluate(*given, size, workspace.device).mean_loss, rel=1e-5
        )
        alone = evaluation.logits(*given[:2], rows[:8], size, workspace.device)
        assert logits.equal(alone)


def test_an_init_that_adds_nothing_leaves_the_losses_and_one_that_does_has_its_own(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    for method, same in (("lora", True), ("lora_one", False), ("pissa", False)):
        spec = tiny_run(tiny_models["llama"], texts_csv, method, **SPEC)
        scalars = until_training(spec, Workspace("cpu"))[1].scalars
        assert (scalars["logit_change"] == 0) == same
        assert scalars["gradient_batch_loss_after"] == pytest.approx(
            scalars["gradient_batch_loss_before"], abs=0 if same else 0.5
        )
        if not same and method == "lora_one":
            assert scalars["gradient_batch_loss_after"] != scalars["gradient_batch_loss_before"]
        assert (scalars["logit_change_off"] == 0) == (method != "pissa")
