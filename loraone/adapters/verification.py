"""Whether an adapter that plain PEFT has read back is the one that was trained.

Logits alone cannot say so for weights in 16 bits: taking s·B₀A₀ out of such a base rounds it, and
what that does to the logits may be as large as a short training's whole effect. So each layer is
compared too, in float32 and by what it does: ``ΔW·X`` for Gaussian X, whose difference over its
length estimates ``‖ΔW_file − ΔW‖_F / ‖ΔW‖_F`` without holding any ΔW.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from loraone.adapters import experts
from loraone.adapters.interfaces import Measurable, PortableAdapter
from loraone.inputs.models.packed import plain
from loraone.inputs.models.targets import TargetLayer

DIRECTIONS = 16
# Of ‖ΔW·X‖, and of ‖W·X‖: in float32 W + ΔW is rounded to 6e-8 of W.
TOLERANCE, ROUNDING = 1e-3, 1e-6
# Of the logits in float32, and with max(1, their size) in any format.
LOGITS = 1e-4


@dataclass(frozen=True)
class LayerDifference:
    """How far ``ΔW·X`` of a layer in the file is from the trained one, which has ``length``.

    ``allowed`` is what float32 explains; a ``difference`` may be infinite.
    """

    name: str
    difference: float
    length: float
    allowed: float

    @property
    def excess(self) -> float:
        """The difference over what is allowed: accepted up to 1."""
        if not self.difference:
            return 0.0
        return self.difference / self.allowed if self.allowed else math.inf

    @property
    def said(self) -> str:
        """The difference in words, as a share of the change where there was one."""
        unit = self.length or 1.0
        of = "of it" if self.length else "although it was not trained"
        return (
            f"a change of layer {self.name} that differs by {self.difference / unit:.3g} {of}, "
            f"where float32 explains {self.allowed / unit:.1g}"
        )


def responses(trained: Measurable, layers: Sequence[TargetLayer]) -> dict[str, Tensor]:
    """``ΔW·X`` of every layer as it was trained, (out, 16), float32 on the CPU."""
    return {
        layer.name: trained.change(layer.name).times(_directions(layer)).float() for layer in layers
    }


@torch.no_grad()
def worst_layer(
    again: Any, layers: Sequence[TargetLayer], trained: Mapping[str, Tensor]
) -> LayerDifference:
    """The layer of ``again``, PEFT's model on the restored base, that is farthest off."""
    modules = experts.adapted_modules(again.base_model.model, layers)
    merged = _Merged()
    differences = (
        _difference(merged.times(modules[x.name], x, _directions(x)), x, trained[x.name])
        for x in layers
    )
    return max(differences, key=lambda difference: difference.excess)


def different_heads(again: Any, portable: PortableAdapter) -> list[str]:
    """The saved modules that do not hold what was written, bit for bit."""
    base = again.base_model.model
    return [
        name
        for name, state in portable.heads.items()
        if not _same(getattr(base, name).modules_to_save[again.active_adapter].state_dict(), state)
    ]


def logits_difference(one: Tensor, other: Tensor) -> float:
    """The largest |difference|; infinite where one is not finite and the other not the same."""
    same = (one == other) | (one.isnan() & other.isnan())
    apart = torch.where(same, 0.0, (one - other).abs())
    return float(apart.nan_to_num(nan=torch.inf, posinf=torch.inf).max())


def logits_allowed(logits: Tensor, dtype: torch.dtype, layers: int) -> float:
    """What rounding explains: ``max(1e-4, ε·√layers) · max(1, |logits|)``.

    ε is the format's. Each adapted layer is another sum in the export than it was in training
    wherever the base was changed, so that it is rounded on its own; the roundings add up at random.
    """
    size = float(torch.where(logits.isfinite(), logits.abs(), 0.0).max())
    return max(LOGITS, torch.finfo(dtype).eps * math.sqrt(layers)) * max(1.0, size)


def _difference(seen: Tensor, layer: TargetLayer, trained: Tensor) -> LayerDifference:
    base = layer.weight.float().cpu() @ _directions(layer)
    difference, length = float((seen - trained).norm()), float(trained.norm())
    allowed = TOLERANCE * length + ROUNDING * float(base.norm())
    finite = difference if difference < torch.inf else torch.inf  # not a number: it is no change
    return LayerDifference(layer.name, finite, length, allowed)


class _Merged:
    """Layers with their adapters merged by PEFT itself, into copies of the base in float32; of the
    experts of a parameter, one after the other, all are merged at once.

    PEFT would quantise the sum again; so it is told to merge into what the quantised base stands
    for.
    """

    def __init__(self) -> None:
        self._wrapper: Any = None
        self._deltas = torch.empty(0)

    def times(self, module: Any, layer: TargetLayer, X: Tensor) -> Tensor:
        """``ΔW·X``, on the CPU."""
        if not hasattr(module, "merge"):
            return torch.zeros(layer.shape[0], X.shape[1])  # EVA leaves layers without an adapter
        if layer.expert is not None:
            if module is not self._wrapper:
                self._wrapper, self._deltas = module, experts.deltas(module)
            return layer.oriented(self._deltas[layer.expert]) @ X
        if layer.quantised:
            alone = _beside(module, plain(layer.module))
        else:
            alone = copy.deepcopy(module).float()
        alone.merge()
        merged = replace(layer, module=alone.get_base_layer())
        return merged.weight.float().cpu() @ X - layer.weight.float().cpu() @ X


def _beside(module: Any, base: nn.Linear) -> Any:
    """PEFT's layer for ``base`` with the factors of ``module``, its layer for the quantised one."""
    from peft import LoraConfig
    from peft.tuners.lora.layer import Linear

    name = module.active_adapters[0]
    with torch.random.fork_rng(devices=[]):
        layer = Linear(
            base,
            name,
            LoraConfig(use_dora=bool(module.use_dora[name])),
            r=module.r[name],
            lora_alpha=module.lora_alpha[name],
        )
    layer.scaling[name] = module.scaling[name]
    own = {key: x for key, x in module.state_dict().items() if not key.startswith("base_layer.")}
    layer.load_state_dict(own, strict=False)
    return layer


def _directions(layer: TargetLayer) -> Tensor:
    """The same Gaussian X (in, 16) whenever this layer is asked for."""
    draw = torch.Generator().manual_seed(layer.shape[1])
    return torch.randn(layer.shape[1], DIRECTIONS, generator=draw)


def _same(state: Mapping[str, Tensor], written: Mapping[str, Tensor]) -> bool:
    return state.keys() == written.keys() and all(
        torch.allclose(tensor.cpu(), written[key].cpu(), rtol=0, atol=0, equal_nan=True)
        for key, tensor in state.items()
    )
