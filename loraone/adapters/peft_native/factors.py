"""LoRA-One's factors from gradients, and into PEFT's layers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from loraone.adapters.peft_native.layers import AdapterLayer, weights
from loraone.errors import ModelError, SpecError
from loraone.gradient.finite import check_gradient
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.methods.base import Factors, InitProblem
from loraone.methods.lora_one.factors import initialise
from loraone.methods.lora_one.row import LoraOneParams


def checked_params(scale: object, gamma: object, prefix: str = "") -> LoraOneParams:
    """The method's parameters. Raises SpecError for one out of range, and for ``auto``."""
    if gamma == "auto":
        raise SpecError(
            "gamma = 'auto' needs held-out data to search on: loraone.run has it",
            field=f"{prefix}gamma",
            value="auto",
            allowed="a number above 0",
        )
    try:
        return LoraOneParams.model_validate({"scale": scale, "gamma": gamma})
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        allowed = {
            "scale": "'spectral', 'gradient' or 'squared'",
            "gamma": "a number above 0, up to 1e9",
        }[field]
        value = {"scale": scale, "gamma": gamma}[field]
        raise SpecError(
            f"{prefix}{field} = {value!r}; allowed: {allowed}",
            field=f"{prefix}{field}",
            value=value,
            allowed=allowed,
        ) from error


def decompose(
    gradients: Mapping[str, Tensor], layers: Sequence[AdapterLayer], seed: int
) -> dict[str, Decomposition]:
    """The top triplets of every gradient, as many as its layer's rank."""
    triplets = {}
    for layer in layers:
        check_gradient(layer.name, gradients[layer.name], layer.parameter.dtype)
        triplets[layer.name] = truncated_svd(gradients[layer.name], layer.rank, seed=seed)
    return triplets


def lora_one_factors(
    triplets: Mapping[str, Decomposition],
    layers: Sequence[AdapterLayer],
    params: LoraOneParams,
    seed: int,
) -> dict[str, Factors]:
    """Factors by layer, each of its own rank; the forms contain no s, so none is needed.

    Warns, with names, where a gradient has a rank below r: what is surplus starts as in LoRA.
    Raises ModelError where no layer has any gradient.
    """
    if not any(triplets[layer.name].rank() for layer in layers):
        raise ModelError(
            "no gradient arrived at any target layer",
            field="gradient",
            value=0,
            allowed="a loss that depends on the target layers",
        )
    draw = torch.Generator().manual_seed(seed)
    factors: dict[str, Factors] = {}
    for rank in sorted({layer.rank for layer in layers}):
        names = [layer.name for layer in layers if layer.rank == rank]
        problem = InitProblem(
            gradients={name: triplets[name].top(rank) for name in names},
            rank=rank,
            scaling=1.0,
            generator=draw,
            held_out_loss=lambda _: float("nan"),
        )
        started = initialise(problem, params)
        factors |= started.factors
        for note in started.notes:
            warnings.warn(f"LoRA-One: {note}", UserWarning, stacklevel=3)
    return factors


@torch.no_grad()
def write_factors(module: Any, adapter_name: str, factors: Factors) -> None:
    """Put the factors in place of those that the adapter has, in the shape of its layer."""
    A, B = weights(module, adapter_name)
    A.copy_(factors.A.reshape(A.shape))
    B.copy_(factors.B.reshape(B.shape))
    if module.lora_bias.get(adapter_name):
        module.lora_B[adapter_name].bias.zero_()
