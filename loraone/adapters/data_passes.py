"""PEFT's inits that look at the data first: EVA at layer inputs, CorDA at their covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from loraone.catalog import CordaParams, EvaParams
from loraone.data.batches import IGNORED, Batch
from loraone.errors import SpecError, TrainingError
from loraone.models.targets import TargetLayer

# Texts per forward pass of EVA, and passes after which it is given up.
EVA_BATCH = 16
EVA_LIMIT = 400

Finish = Callable[[Any], None]


def corda(model: Any, config: Any, params: CordaParams, calibration: Any) -> None:
    """Leave on each target layer what PEFT's ``corda`` init reads.

    One text at a time: PEFT takes the covariance over all positions, and padding must not count.
    """
    from peft.tuners.lora.config import CordaConfig
    from peft.tuners.lora.corda import preprocess_corda

    config.corda_config = CordaConfig(corda_method=params.mode)

    def run_model() -> None:
        for batch in calibration(1):
            model(**batch)

    try:
        preprocess_corda(model, config, run_model)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"CorDA's covariance is not usable: {error}",
            field="gradient.samples",
            hint="raise gradient.samples",
        ) from error


def eva(model: Any, config: Any, params: EvaParams, calibration: Any) -> Finish:
    """Set EVA up; what is returned initialises the adapted model from the layers' inputs."""
    from peft import EvaConfig, initialize_lora_eva_weights

    config.eva_config = EvaConfig(rho=params.rho, tau=params.tau)
    batches = list(calibration(EVA_BATCH))
    wanted = round(config.r * params.rho)
    most = min(layer.shape[1] for layer in _targets(model, config))
    tokens = min(int(_masks(batch)[-1].sum()) for batch in batches)
    if wanted > min(most, tokens):
        raise SpecError(
            f"EVA asks for ρ·r = {wanted} directions, but the narrowest layer has {most} inputs "
            f"and the smallest batch of the gradient texts {tokens} tokens",
            field="gradient.samples" if tokens < most else "rank",
            value=wanted,
            allowed=f"ρ·r up to {min(most, tokens)}",
            hint="lower ρ or the rank, or raise gradient.samples",
        )
    calls = 0

    def forward(adapted: Any, batch: Batch) -> None:
        nonlocal calls
        calls += 1
        if calls > EVA_LIMIT:
            raise TrainingError(
                f"EVA's directions have not settled in {EVA_LIMIT} forward passes",
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
