"""The trained r × r core of LoRA-XS and LoRA-SB, between frozen factors."""

from __future__ import annotations

from torch import Tensor, nn


class Core(nn.Module):
    """Makes lora_B the product of a fixed B (m, r) and a trained R (r, r)."""

    fixed: Tensor

    def __init__(self, B: Tensor) -> None:
        super().__init__()
        self.register_buffer("fixed", B)

    def forward(self, R: Tensor) -> Tensor:
        """B·R."""
        return self.fixed @ R
