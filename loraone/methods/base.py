"""What an initialiser is given, and what it gives back. It knows neither PEFT nor the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from loraone.linalg.svd import Decomposition


@dataclass(frozen=True)
class Factors:
    """The two factors of one layer: ``A`` (r, n) is lora_A, ``B`` (m, r) is lora_B."""

    A: Tensor
    B: Tensor


@dataclass(frozen=True)
class InitProblem:
    """What is known before the first step.

    ``gradients`` are decompositions of G (not −G) by layer, ``matrices`` G itself where it was
    kept, ``weights`` the pretrained W, all (out, in); ``originals`` what quantised ones of these
    were before they were, where they are asked for. ``scaling`` is s, ``learning_rate`` the run's.
    ``held_out_loss`` gives the loss on held-out training data with these factors in place.
    """

    gradients: Mapping[str, Decomposition]
    rank: int
    scaling: float
    generator: torch.Generator
    held_out_loss: Callable[[Mapping[str, Factors] | None], float]
    matrices: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    learning_rate: float = 0.0
    originals: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Initialisation:
    """Factors by layer, parameters the method chose itself, and notes for the reader.

    With ``offset_base`` the base weight becomes ``W₀ − s·B·A``, so that the model starts where it
    was pretrained to be; ``bases`` are base weights that the method made itself. With ``cores``
    the adapter is ``B·R·A``, and only R (r, r) is trained.
    """

    factors: Mapping[str, Factors]
    offset_base: bool = False
    bases: Mapping[str, Tensor] = field(default_factory=dict)
    cores: Mapping[str, Tensor] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def kaiming_rows(
    rows: int, n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Rows of lora_A as vanilla LoRA draws them: uniform in ±1/√n (Kaiming with a = √5)."""
    bound = n**-0.5
    return torch.empty(rows, n, dtype=dtype).uniform_(-bound, bound, generator=generator)
