"""Where an adapted model stood before its first step, as it is written and put up again.

Nothing of an initialisation is computed a second time: its factors, the base weights that it moved,
each layer's s, and what it froze are all here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.utils import parametrize

from loraone.inputs.models.experts import is_of_expert
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.packed import Packed, UnfitError, put
from loraone.methods.base import Factors

ADAPTER = "default"


@dataclass(frozen=True)
class Beginning:
    """A₀ and B₀ (``A/layer``, ``B/layer``) and moved bases (``W/layer``) as ``tensors``; s by
    layer; the layers whose B is a fixed one times a core; the names of trained parameters."""

    tensors: Mapping[str, Tensor]
    scalings: dict[str, float]
    cores: list[str]
    trained: list[str]

    @classmethod
    def of(
        cls,
        model: Any,
        modules: Mapping[str, Any],
        start: Mapping[str, Factors],
        moved: Sequence[TargetLayer],
    ) -> Beginning:
        """That of PEFT's ``model``, whose layers with factors are ``modules``: the factors were
        ``start``, and the ``moved`` layers have other base weights than were loaded."""
        tensors = {f"A/{name}": pair.A for name, pair in start.items()}
        tensors |= {f"B/{name}": pair.B for name, pair in start.items()}
        tensors |= {f"W/{layer.name}": layer.stored for layer in moved}
        return cls(
            tensors,
            {name: float(module.scaling[ADAPTER]) for name, module in modules.items()},
            [name for name, module in modules.items() if _has_core(module)],
            [name for name, parameter in model.named_parameters() if parameter.requires_grad],
        )

    def packed(self) -> Packed:
        """As it is written."""
        beside = {"scalings": self.scalings, "cores": self.cores, "trained": self.trained}
        return self.tensors, beside

    @classmethod
    def unpacked(cls, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> Beginning:
        """What :meth:`packed` gave, bit for bit."""
        return cls(tensors, **beside)

    def configure(self, config: Any) -> None:
        """Make PEFT build what was built then: which layers, of which rank; it computes nothing."""
        # Those of experts are PEFT's target_parameters, and all of the config's rank.
        linear = [name for name in self.scalings if not is_of_expert(name)]
        ranks = {name: len(self.tensors[f"A/{name}"]) for name in linear}
        config.init_lora_weights = True
        config.target_modules = set(ranks)
        config.rank_pattern = {name: rank for name, rank in ranks.items() if rank != config.r}

    def factors(self) -> dict[str, Factors]:
        """A₀ and B₀ by layer."""
        return {
            name: Factors(self.tensors[f"A/{name}"], self.tensors[f"B/{name}"])
            for name in self.scalings
        }

    def put_into(
        self, model: Any, modules: Mapping[str, Any], layers: Sequence[TargetLayer]
    ) -> None:
        """Give a model that was built so each layer's s and base weight, and freeze what was
        frozen. Raises UnfitError where it has other layers."""
        if modules.keys() != self.scalings.keys():
            raise UnfitError("it has factors of other layers")
        for name, module in modules.items():
            module.scaling[ADAPTER] = self.scalings[name]
        bases = {f"W/{layer.name}": layer.stored for layer in layers}
        moved = {name: tensor for name, tensor in self.tensors.items() if name.startswith("W/")}
        put(moved, bases if moved else {})
        trained = set(self.trained)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in trained)


def is_trained(name: str) -> bool:
    """Whether a tensor of PEFT's model is a factor, a magnitude, a core, or of the copied head."""
    return ".lora_" in name or ".modules_to_save." in name


def _has_core(module: Any) -> bool:
    return ADAPTER in module.lora_B and parametrize.is_parametrized(module.lora_B[ADAPTER])
