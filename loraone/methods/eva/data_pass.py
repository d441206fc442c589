"""PEFT's pass over the texts for EVA: the main directions of each layer's inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from loraone.errors import TrainingError
from loraone.inputs.data.batches import IGNORED, Batch
from loraone.inputs.models.targets import TargetLayer
from loraone.methods.eva.row import ROW, EvaParams
from loraone.spec import applicability

# Texts per forward pass, and passes after which it is given up.
BATCH = 16
LIMIT = 400

Finish = Callable[[Any], None]


def prepare(model: Any, config: Any, params: EvaParams, calibration: Any) -> Finish:
    """Set EVA up; what is returned initialises the adapted model from the layers' inputs."""
    from peft import EvaConfig, initialize_lora_eva_weights

    config.eva_config = EvaConfig(rho=params.rho, tau=params.tau)
    batches = list(calibration(BATCH))
    tokens = min(int(_masks(batch)[-1].sum()) for batch in batches)
    layers = _targets(model, config)
    applicability.check_inputs(ROW, params.model_dump(), config.r, layers, tokens)
    calls = 0

    def forward(adapted: Any, batch: Batch) -> None:
        nonlocal calls
        calls += 1
        if calls > LIMIT:
            raise TrainingError(
                f"EVA's directions have not settled in {LIMIT} forward passes",
                field="methods",
                value=f"tau = {params.tau:g}",
                hint="lower τ or the rank, or raise gradient.samples",
            )
        adapted(**batch)

    def finish(adapted: Any) -> None:
        initialize_lora_eva_weights(
            adapted,
            batches,
            forward_fn=forward,
            prepare_model_inputs_fn=lambda batch, _: _masks(batch),
            prepare_layer_inputs_fn=_counted,
            show_progress_bar=False,
        )

    return finish


def _targets(model: Any, config: Any) -> list[TargetLayer]:
    wanted = set(config.target_modules)
    modules = model.named_modules()
    return [TargetLayer(name, module) for name, module in modules if name in wanted]


def _masks(batch: Batch) -> tuple[Tensor, ...]:
    """Which positions count: of the inputs, and of a decoder's inputs where there are any."""
    inputs = batch["attention_mask"].bool()
    labels = batch["labels"]
    if labels.dim() == 2 and labels.shape != inputs.shape:
        return inputs, labels != IGNORED
    return (inputs,)


def _counted(layer_input: Any, masks: tuple[Tensor, ...], name: str) -> Tensor:
    """The inputs of a layer at the positions that count, (tokens, n).

    PEFT's own function takes the encoder's mask for a decoder's layers too.
    """
    x: Tensor = layer_input[0] if isinstance(layer_input, tuple) else layer_input
    mask = next((mask for mask in masks if mask.shape == x.shape[:2]), None)
    return x.reshape(-1, x.shape[-1]) if mask is None else x[mask]
