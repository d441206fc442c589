"""LoRA-One's factors from gradients, and into PEFT's layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from loraone.errors import SpecError
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.methods.base import Factors, InitProblem
from loraone.methods.lora_one.factors import initialise
from loraone.methods.lora_one.row import LoraOneParams


def decompose(gradients: Mapping[str, Tensor], r: int, seed: int) -> dict[str, Decomposition]:
    """The top r triplets of every gradient."""
    return {name: truncated_svd(G, r, seed=seed) for name, G in gradients.items()}


def lora_one_factors(
    gradients: Mapping[str, Decomposition],
    r: int,
    alpha: float,
    rslora: bool,
    params: Mapping[str, Any],
    seed: int,
) -> Mapping[str, Factors]:
    """Factors by layer, with s = α/r or α/√r; ``params`` are those of the method's row."""
    if params["gamma"] == "auto":
        raise SpecError(
            "gamma = 'auto' needs held-out data to search on: loraone.run has it",
            field="gamma",
            value="auto",
            allowed="a number above 0",
        )
    problem = InitProblem(
        gradients=gradients,
        rank=r,
        scaling=alpha / r**0.5 if rslora else alpha / r,
        generator=torch.Generator().manual_seed(seed),
        held_out_loss=lambda factors: float("nan"),
    )
    return initialise(problem, LoraOneParams.model_validate(dict(params))).factors


@torch.no_grad()
def write_factors(module: Any, adapter_name: str, factors: Factors) -> None:
    """Put the factors in place of those that the adapter has."""
    module.lora_A[adapter_name].weight.copy_(factors.A)
    module.lora_B[adapter_name].weight.copy_(factors.B)
