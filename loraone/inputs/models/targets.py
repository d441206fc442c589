"""The linear layers of a model that are adapted.

All matrices of a layer are in the ``(out, in)`` orientation, also those of GPT-2's ``Conv1D``,
which stores the transpose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from loraone.inputs.models.foreseen import no_such_layer, nothing_to_adapt
from loraone.inputs.models.packed import dequantised, is_packed
from loraone.spec.model import ModelSpec

_IN_BLOCK = re.compile(r"\.\d+\.")


@dataclass(frozen=True)
class TargetLayer:
    """A linear layer ``y = x Wᵀ`` that is adapted: ``nn.Linear``, ``Conv1D`` or ``nn.Embedding``.

    An embedding is linear in the one-hot vectors of its ids: W is (dimensions, vocabulary).
    """

    name: str
    module: nn.Module
    # Another module that uses the very same weight (tied), if there is one.
    tied_to: str | None = None

    @property
    def parameter(self) -> nn.Parameter:
        """The weight as the module stores it."""
        weight = self.module.weight
        assert isinstance(weight, nn.Parameter)
        return weight

    @property
    def transposed(self) -> bool:
        """Whether the module stores ``Wᵀ``."""
        return isinstance(self.module, Conv1D | nn.Embedding)

    @property
    def conv1d(self) -> bool:
        """Whether it is GPT-2's ``Conv1D``."""
        return isinstance(self.module, Conv1D)

    @property
    def embedding(self) -> bool:
        """Whether it takes token ids."""
        return isinstance(self.module, nn.Embedding)

    @property
    def quantised(self) -> bool:
        """Whether the weight is in fewer bits, so that nothing can be written to it."""
        return is_packed(self.module)

    @property
    def weight(self) -> Tensor:
        """W, shape (out, in): a view of the parameter's data, of a quantised one what it stands
        for, made anew."""
        if self.quantised:
            return dequantised(self.module)
        data = self.parameter.detach()
        return data.T if self.transposed else data

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) = (m, n); also of a quantised layer, whose weight is packed."""
        if isinstance(self.module, nn.Linear):
            return self.module.out_features, self.module.in_features
        rows, columns = self.weight.shape
        return rows, columns

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Overwrite W with ``weight`` (out, in)."""
        self.parameter.copy_(weight.T if self.transposed else weight)


def find_targets(model: nn.Module, spec: ModelSpec) -> tuple[TargetLayer, ...]:
    """The layers that ``spec.targets`` names, in model order.

    ``all-linear`` means the linear layers inside the numbered transformer blocks: neither head
    nor pooler. Names match as PEFT's ``target_modules`` do: whole, or as the end of a path.
    """
    kinds_of_layer = nn.Linear | Conv1D | nn.Embedding
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds_of_layer)]
    if spec.targets == "all-linear":
        targets = [
            (n, m) for n, m in linear if _IN_BLOCK.search(n) and not isinstance(m, nn.Embedding)
        ]
    else:
        targets = [(n, m) for n, m in linear if any(_matches(n, t) for t in spec.targets)]
        for target in spec.targets:
            if not any(_matches(name, target) for name, _ in linear):
                raise no_such_layer(spec.id, target, [name for name, _ in linear])
    if not targets:
        raise nothing_to_adapt(spec)
    return tuple(
        TargetLayer(name, module, _tied_to(model, name, module)) for name, module in targets
    )


def _tied_to(model: nn.Module, name: str, module: nn.Module) -> str | None:
    others = ((n, m) for n, m in model.named_modules() if m is not module)
    return next((n for n, m in others if getattr(m, "weight", None) is module.weight), None)


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)
