"""The configuration whose adapters start from LoRA-One's factors, before PEFT builds them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraModel
from torch import Tensor, nn

from loraone.adapters.peft_native.factors import checked_params
from loraone.adapters.peft_native.started import LAYERS, LORA_ONE
from loraone.errors import ModelError, SpecError
from loraone.methods.base import Factors
from loraone.methods.lora_one.row import Scale

# Other initialisations' settings, and variants of LoRA whose factors are not those of s·B·A.
_CONTRADICTIONS = ("loftq_config", "eva_config", "corda_config", "lora_ga_config")
# What the factors depend on, so that it may not change once they are there.
_DECISIVE = ("r", "rank_pattern", "lora_one_scale", "lora_one_gamma", "lora_one_seed")


@dataclass(frozen=True)
class Start:
    """The factors of one layer, and some entries of the weight that the gradient was taken at."""

    factors: Factors
    shape: torch.Size
    entries: Tensor


@dataclass
class LoraOneConfig(LoraConfig):  # type: ignore[misc]
    """A ``LoraConfig`` whose adapters start from LoRA-One's factors.

    ``init_lora_weights`` reads ``"lora_one"``; what is saved says ``true``, as for any adapter.
    The factors belong to the names and weights of the model that ``preprocess_lora_one`` saw, so
    that they also start its copies, those of another dtype too. Copies of the config (``deepcopy``,
    ``pickle``) carry them, ``dataclasses.replace`` makes a config without any.

    Args:
        lora_one_scale: which published form; see :mod:`loraone.methods.lora_one.factors`.
        lora_one_gamma: γ, above 0. (``"auto"`` needs held-out data: use :func:`loraone.run`.)
        lora_one_seed: draws the surplus directions where a gradient has a rank below r.

    Raises SpecError where another initialisation or a variant other than DoRA is asked for too.
    """

    lora_one_scale: Scale = field(default="spectral")
    lora_one_gamma: float = field(default=128.0)
    lora_one_seed: int = field(default=0)

    def __post_init__(self) -> None:
        asked: Any = self.init_lora_weights
        if asked not in (True, LORA_ONE):
            _contradicts("init_lora_weights", asked, "True")
        variants = [f.name for f in fields(LoraConfig) if f.metadata.get("is_lora_variant")]
        for name in (*_CONTRADICTIONS, *variants):
            if getattr(self, name) and name != "use_dora":
                _contradicts(name, getattr(self, name), "not set")
        checked_params(self.lora_one_scale, self.lora_one_gamma, prefix="lora_one_")
        self.init_lora_weights: Any = True  # PEFT's own checks know no other
        super().__post_init__()
        self.init_lora_weights = LORA_ONE
        self._lora_one_starts: dict[str, Start] = {}
        self._lora_one_decided: dict[str, Any] = {}
        self._register_custom_module(dict(LAYERS))

    def to_dict(self) -> dict[str, Any]:
        """What is saved: an ordinary LoRA configuration."""
        settings: dict[str, Any] = super().to_dict()
        if settings["init_lora_weights"] == LORA_ONE:
            settings["init_lora_weights"] = True
        return {key: value for key, value in settings.items() if not key.startswith("lora_one_")}

    def keep(self, factors: Mapping[str, Factors], modules: Mapping[str, nn.Module]) -> None:
        """From here on, the adapters that PEFT builds with this config start with these factors."""
        kept = {name: modules[name].get_parameter("weight") for name in factors}
        self._lora_one_starts = {
            name: Start(factors[name], weight.shape, _entries(weight))
            for name, weight in kept.items()
        }
        self._lora_one_decided = self._decisive()

    def first_factors(self, name: str, module: nn.Module, r: int) -> Factors | None:
        """What layer ``name`` starts with; None where its factors are about to be overwritten.

        Raises SpecError or ModelError where there are no factors, or not for this layer as it is.
        """
        if self.inference_mode or _weighting_adapters():
            return None
        if not self._lora_one_starts:
            raise SpecError(
                "LoraOneConfig was given to get_peft_model before preprocess_lora_one: there "
                "is no gradient to start from",
                field="config",
                hint="call preprocess_lora_one(model, config, train_step) first, or use a "
                "plain LoraConfig and initialize_lora_one_weights afterwards",
            )
        for key, decided in self._lora_one_decided.items():
            if getattr(self, key) != decided:
                raise SpecError(
                    f"{key} was changed to {getattr(self, key)!r} after preprocess_lora_one",
                    field=key,
                    value=getattr(self, key),
                    allowed=repr(decided),
                    hint="call preprocess_lora_one again",
                )
        # A wrapper of the model, as DistributedDataParallel, is in PEFT's names but not in ours.
        inner = name.removeprefix("module.").removeprefix("_orig_mod.")
        start = self._lora_one_starts.get(name, self._lora_one_starts.get(inner))
        if start is None or len(start.factors.A) != r:
            raise SpecError(
                f"preprocess_lora_one took no gradient for layer {name} at rank {r}",
                field="target_modules",
                value=name,
                allowed=", ".join(self._lora_one_starts),
                hint="call preprocess_lora_one again, with this model and config",
            )
        weight: Any = module.weight
        if weight.shape != start.shape or not _alike(_entries(weight), start.entries):
            raise ModelError(
                f"the weight of layer {name} is not that which the gradient was taken at",
                field="model",
                value=name,
                allowed="the model that preprocess_lora_one saw, or a copy of it",
                hint="call preprocess_lora_one with this model",
            )
        return start.factors

    def _decisive(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in _DECISIVE} | {
            "rank_pattern": dict(self.rank_pattern or {})
        }


def _contradicts(field: str, value: object, allowed: str) -> None:
    raise SpecError(
        f"LoraOneConfig computes the factors itself; {field} = {value!r} contradicts it",
        field=field,
        value=value,
        allowed=allowed,
    )


def _weighting_adapters() -> bool:
    """Whether PEFT is building ``add_weighted_adapter``'s adapter, whose factors it then writes.

    It makes a copy of the config and has the layers initialised first; nothing else tells.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code is LoraModel.add_weighted_adapter.__code__:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _entries(weight: Tensor, count: int = 256) -> Tensor:
    """Some of a weight's entries, evenly spread."""
    flat = weight.detach().reshape(-1)
    return flat[:: max(1, len(flat) // count)].float().cpu().clone()


def _alike(entries: Tensor, others: Tensor) -> bool:
    """Equal up to what a cast to bfloat16 or float16 rounds away."""
    scale = float(others.abs().mean())
    return torch.allclose(entries, others, rtol=1e-2, atol=1e-2 * scale)
