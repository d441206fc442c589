"""The configuration whose adapters start from LoRA-One's factors, before PEFT builds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Linear as PeftLinear
from torch import nn
from transformers.pytorch_utils import Conv1D

from loraone.adapters.peft_native.factors import write_factors
from loraone.errors import SpecError
from loraone.methods.base import Factors
from loraone.methods.lora_one.row import Scale


@dataclass
class LoraOneConfig(LoraConfig):  # type: ignore[misc]
    """A ``LoraConfig`` whose adapters start from LoRA-One's factors.

    Args:
        lora_one_scale: which published form; see :mod:`loraone.methods.lora_one.factors`.
        lora_one_gamma: γ, above 0. (``"auto"`` needs held-out data: use :func:`loraone.run`.)
        lora_one_seed: draws the surplus directions where a gradient has a rank below r.
    """

    lora_one_scale: Scale = field(default="spectral")
    lora_one_gamma: float = field(default=128.0)
    lora_one_seed: int = field(default=0)

    def __post_init__(self) -> None:
        if self.init_lora_weights is not True:
            raise SpecError(
                f"LoraOneConfig computes the factors itself; init_lora_weights = "
                f"{self.init_lora_weights!r} contradicts it",
                field="init_lora_weights",
                value=self.init_lora_weights,
                allowed="True",
            )
        super().__post_init__()
        self._lora_one_factors: WeakKeyDictionary[nn.Module, Factors] = WeakKeyDictionary()
        self._register_custom_module({nn.Linear: _LoraOneLinear, Conv1D: _LoraOneLinear})

    def to_dict(self) -> dict[str, Any]:
        """What is saved: an ordinary LoRA configuration."""
        settings: dict[str, Any] = super().to_dict()
        return {key: value for key, value in settings.items() if not key.startswith("lora_one_")}


class _LoraOneLinear(PeftLinear):  # type: ignore[misc]
    """PEFT's own LoRA layer; only its first factors are others.

    They are put in place of Kaiming's inside ``reset_lora_parameters``, so that what PEFT computes
    from them afterwards (DoRA's magnitudes) is computed from LoRA-One's.
    """

    def __init__(self, base_layer: Any, adapter_name: str, config: Any, **kwargs: Any) -> None:
        inner = base_layer.get_base_layer() if isinstance(base_layer, LoraLayer) else base_layer
        transposed = isinstance(inner, Conv1D)
        config.fan_in_fan_out = transposed
        kwargs["is_target_conv_1d_layer"] = transposed
        super().__init__(base_layer, adapter_name, config=config, **kwargs)

    def update_layer(self, adapter_name: str, *args: Any, config: Any, **kwargs: Any) -> None:
        factors = None
        if isinstance(config, LoraOneConfig):
            factors = config._lora_one_factors.get(self.get_base_layer())
            if factors is None and not config.inference_mode:
                raise SpecError(
                    "LoraOneConfig was given to get_peft_model before preprocess_lora_one: there "
                    "is no gradient to start from",
                    field="config",
                    hint="call preprocess_lora_one(model, config, train_step) first, or use a "
                    "plain LoraConfig and initialize_lora_one_weights afterwards",
                )
        self._first_factors = factors
        super().update_layer(adapter_name, *args, config=config, **kwargs)
        self._first_factors = None

    def reset_lora_parameters(self, adapter_name: str, init_lora_weights: Any) -> None:
        super().reset_lora_parameters(adapter_name, init_lora_weights)
        if self._first_factors is not None:
            write_factors(self, adapter_name, self._first_factors)
