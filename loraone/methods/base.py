"""What an initialiser is given, and what it gives back. It knows neither PEFT nor the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from loraone.decompose import Decomposition


@dataclass(frozen=True)
class Factors:
    """The two factors of one layer: ``A`` (r, n) is lora_A, ``B`` (m, r) is lora_B."""

    A: Tensor
    B: Tensor


@dataclass(frozen=True)
class InitProblem:
    """What is known before the first step.

    ``gradients`` are decompositions of G (not −G) by layer; ``scaling`` is s. ``held_out_loss``
    gives the loss on held-out training data with these factors in place.
    """

    gradients: Mapping[str, Decomposition]
    rank: int
    scaling: float
    generator: torch.Generator
    held_out_loss: Callable[[Mapping[str, Factors] | None], float]


@dataclass(frozen=True)
class Initialisation:
    """Factors by layer, parameters the method chose itself, and notes for the reader.

    With ``offset_base`` the base weight becomes ``W₀ − s·B·A``, so that the model starts where it
    was pretrained to be.
    """

    factors: Mapping[str, Factors]
    offset_base: bool = False
    chosen: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def kaiming_rows(rows: int, n: int, generator: torch.Generator) -> Tensor:
    """Rows of lora_A as vanilla LoRA draws them: uniform in ±1/√n (Kaiming with a = √5)."""
    bound = n**-0.5
    return torch.empty(rows, n).uniform_(-bound, bound, generator=generator)
