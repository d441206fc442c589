"""The linear layers of a model that are adapted, and the experts of its mixtures of experts.

All matrices of a layer are in the ``(out, in)`` orientation, also those of GPT-2's ``Conv1D``,
which stores the transpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from transformers.pytorch_utils import Conv1D

from loraone.inputs.models import experts
from loraone.inputs.models.foreseen import no_experts, no_such_layer, nothing_to_adapt
from loraone.inputs.models.packed import dequantised, is_packed
from loraone.spec.model import ModelSpec

_IN_BLOCK = re.compile(r"\.\d+\.")


@dataclass(frozen=True)
class TargetLayer:
    """A linear layer ``y = x Wᵀ`` that is adapted: ``nn.Linear``, ``Conv1D`` or ``nn.Embedding``,
    or one ``expert`` of a parameter (experts, out, in) that holds those of a block.

    An embedding is linear in the one-hot vectors of its ids: W is (dimensions, vocabulary).
    """

    name: str
    module: nn.Module
    # Another module that uses the very same weight (tied), if there is one.
    tied_to: str | None = None
    parameter_name: str = "weight"
    expert: int | None = None

    @property
    def parameter(self) -> nn.Parameter:
        """What the module trains: the weight as it stores it, with all experts."""
        parameter = getattr(self.module, self.parameter_name)
        assert isinstance(parameter, nn.Parameter)
        return parameter

    @property
    def key(self) -> str:
        """The parameter's name in the model."""
        return f"{self.name}.weight" if self.expert is None else experts.parameter_of(self.name)

    @property
    def stored(self) -> Tensor:
        """This layer's part of the parameter, as the module stores it: a view of its data."""
        data = self.parameter.detach()
        return data if self.expert is None else data[self.expert]

    @property
    def transposed(self) -> bool:
        """Whether the module stores ``Wᵀ``. Of experts PEFT reads the same attribute."""
        if self.expert is not None:
            return bool(getattr(self.module, "is_transposed", False))
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
        return self.expert is None and is_packed(self.module)

    @property
    def weight(self) -> Tensor:
        """W, shape (out, in): a view of the parameter's data, of a quantised one what it stands
        for, made anew."""
        return dequantised(self.module) if self.quantised else self.oriented(self.stored)

    def oriented(self, stored: Tensor) -> Tensor:
        """What is stored as the module does, or a gradient of it, in the orientation (out, in)."""
        return stored.T if self.transposed else stored

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
        self.stored.copy_(weight.T if self.transposed else weight)


def find_targets(model: nn.Module, spec: ModelSpec) -> tuple[TargetLayer, ...]:
    """The layers that ``spec.targets`` names, then the experts where it asks for them.

    ``all-linear`` means the linear layers inside the numbered transformer blocks: neither head
    nor pooler, nor a gate of one output, which has no low rank. Names match as PEFT's
    ``target_modules`` do: whole, or as the end of a path.
    """
    kinds_of_layer = nn.Linear | Conv1D | nn.Embedding
    linear = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds_of_layer)]
    if spec.targets == "all-linear":
        targets = [
            (n, m)
            for n, m in linear
            if _IN_BLOCK.search(n) and not isinstance(m, nn.Embedding) and not _is_gate(m)
        ]
    else:
        targets = [(n, m) for n, m in linear if any(_matches(n, t) for t in spec.targets)]
        for target in spec.targets:
            if not any(_matches(name, target) for name, _ in linear):
                raise no_such_layer(spec.id, target, [name for name, _ in linear])
    if not targets:
        raise nothing_to_adapt(spec)
    found = [TargetLayer(name, module, _tied_to(model, name, module)) for name, module in targets]
    if spec.target_parameters == "experts":
        of_experts = [
            TargetLayer(experts.name_of(key, expert), module, None, name, expert)
            for key, module, name, parameter in expert_parameters(model)
            for expert in range(len(parameter))
        ]
        if not of_experts:
            raise no_experts(spec)
        found += of_experts
    return tuple(found)


def expert_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    """Each parameter of a numbered block with a matrix for each of its experts: its name, its
    module, its name there, and itself."""
    for path, module in model.named_modules():
        said = "expert" in path.lower() or "expert" in type(module).__name__.lower()
        if said and _IN_BLOCK.search(f"{path}.") and not isinstance(module, _ConvNd):
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.dim() == 3:
                    yield f"{path}.{name}", module, name, parameter


def left_out(model: nn.Module, spec: ModelSpec) -> str | None:
    """That all-linear leaves the experts out, and how much of the model; None where it does not."""
    if spec.targets != "all-linear" or spec.target_parameters == "experts":
        return None
    held = sum(parameter.numel() for *_, parameter in expert_parameters(model))
    return experts.left_out(held, sum(p.numel() for p in model.parameters())) if held else None


def _is_gate(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and module.out_features == 1


def _tied_to(model: nn.Module, name: str, module: nn.Module) -> str | None:
    others = ((n, m) for n, m in model.named_modules() if m is not module)
    return next((n for n, m in others if getattr(m, "weight", None) is module.weight), None)


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)
