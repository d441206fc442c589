"""The optimisers that a spec may ask for: one file each, its row and the function that builds it.

None of the files imports torch or PEFT at its top: the catalogue reads the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone import catalog

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """The optimiser that the spec asks for, over what is trained.

    It may freeze some of that: LoRA-FA freezes lora_A.
    """
    row = catalog.OPTIMIZERS[spec.training.optimizer]
    optimizer: torch.optim.Optimizer = catalog.resolve(row.build)(trainable, spec)
    return optimizer
