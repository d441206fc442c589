"""PEFT's own LoRA layers, which begin with the factors that a LoraOneConfig holds for them.

The factors are put in place of Kaiming's inside ``reset_lora_parameters``, so that what PEFT
computes from them afterwards (DoRA's magnitudes) is computed from LoRA-One's.
"""

from __future__ import annotations

from typing import Any

from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Conv1d, Conv2d, Conv3d, Embedding, Linear
from torch import nn
from transformers.pytorch_utils import Conv1D

from loraone.adapters.peft_native.factors import write_factors
from loraone.adapters.peft_native.layers import weights
from loraone.errors import SpecError
from loraone.methods.base import Factors


class _LoraOne(str):
    """What a LoraOneConfig's ``init_lora_weights`` says: ``"lora_one"``.

    PEFT's own layers do not know it: they refuse it, in words that contain its ``repr``, so that no
    layer of another kind starts with other factors.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return (
            "'lora_one' (a layer that a plain LoraConfig made cannot start so: add the adapter "
            "with a plain LoraConfig too, and use initialize_lora_one_weights)"
        )


LORA_ONE = _LoraOne("lora_one")


class _Started:
    """A LoRA layer whose first factors are asked of its config."""

    _path = ""
    _first: Factors | None = None

    def __init__(self, base_layer: Any, adapter_name: str, config: Any, **kwargs: Any) -> None:
        self._path = kwargs.get("target_name", "")  # some of PEFT's layers do not hand it on
        super().__init__(base_layer, adapter_name, config=config, **kwargs)  # type: ignore[call-arg]

    def update_layer(
        self, adapter_name: str, r: int, *args: Any, config: Any, **kwargs: Any
    ) -> None:
        layer: Any = self
        first = getattr(config, "first_factors", None)
        if first is not None:
            path = kwargs.get("target_name") or self._path
            self._first = first(path, layer.get_base_layer(), r)
        try:
            super().update_layer(adapter_name, r, *args, config=config, **kwargs)  # type: ignore[misc]
        finally:
            self._first = None

    def reset_lora_parameters(self, adapter_name: str, init_lora_weights: Any) -> None:
        ours = init_lora_weights == LORA_ONE
        super().reset_lora_parameters(adapter_name, True if ours else init_lora_weights)  # type: ignore[misc]
        if self._first is None:
            return
        if weights(self, adapter_name)[0].is_meta:
            raise SpecError(
                "low_cpu_mem_usage=True keeps no values, so the factors of LoraOneConfig would be "
                "lost",
                field="low_cpu_mem_usage",
                value=True,
                allowed="False",
            )
        write_factors(self, adapter_name, self._first)


class StartedLinear(_Started, Linear):  # type: ignore[misc]
    """PEFT's layer for ``nn.Linear`` and GPT-2's ``Conv1D``."""

    def __init__(self, base_layer: Any, adapter_name: str, config: Any, **kwargs: Any) -> None:
        inner = base_layer.get_base_layer() if isinstance(base_layer, LoraLayer) else base_layer
        transposed = isinstance(inner, Conv1D)
        config.fan_in_fan_out = transposed
        kwargs["is_target_conv_1d_layer"] = transposed
        super().__init__(base_layer, adapter_name, config, **kwargs)


class StartedEmbedding(_Started, Embedding):  # type: ignore[misc]
    """PEFT's layer for ``nn.Embedding``."""


class StartedConv1d(_Started, Conv1d):  # type: ignore[misc]
    """PEFT's layer for ``nn.Conv1d``."""


class StartedConv2d(_Started, Conv2d):  # type: ignore[misc]
    """PEFT's layer for ``nn.Conv2d``."""


class StartedConv3d(_Started, Conv3d):  # type: ignore[misc]
    """PEFT's layer for ``nn.Conv3d``."""


LAYERS: dict[type[nn.Module], type] = {
    nn.Linear: StartedLinear,
    Conv1D: StartedLinear,
    nn.Embedding: StartedEmbedding,
    nn.Conv1d: StartedConv1d,
    nn.Conv2d: StartedConv2d,
    nn.Conv3d: StartedConv3d,
}
