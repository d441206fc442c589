"""Factors into the layers of an adapter: into all of them, or into none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from loraone.adapters.peft_native.factors import write_factors
from loraone.adapters.peft_native.layers import weights
from loraone.methods.base import Factors


@torch.no_grad()
def write_all(adapted: Sequence[tuple[Any, Factors]], adapter_name: str) -> None:
    """Write every layer's factors and, with DoRA, the magnitudes of ``W + s·B·A``.

    Where anything fails, every layer has again what it had.
    """
    before = [
        (tensor, tensor.detach().clone())
        for module, _ in adapted
        for tensor in _written(module, adapter_name)
    ]
    try:
        for module, factors in adapted:
            write_factors(module, adapter_name, factors)
            if module.use_dora.get(adapter_name):
                _write_magnitudes(module, adapter_name)
    except BaseException:
        for tensor, values in before:
            tensor.copy_(values)
        raise


def _written(module: Any, adapter_name: str) -> list[Tensor]:
    tensors = list(weights(module, adapter_name))
    if module.lora_bias.get(adapter_name):
        tensors.append(module.lora_B[adapter_name].bias)
    if module.use_dora.get(adapter_name):
        tensors.append(module.lora_magnitude_vector[adapter_name].weight)
    return tensors


def _write_magnitudes(module: Any, adapter_name: str) -> None:
    """DoRA's magnitudes, in the parameter that is there: an optimizer may hold it already."""
    dora = module.lora_magnitude_vector[adapter_name]
    parameter = dora.weight
    A, B = weights(module, adapter_name)
    try:
        dora.update_layer(
            base_layer=module.get_base_layer(),
            lora_A=A,
            lora_B=B,
            scaling=module.scaling[adapter_name],
        )
        magnitudes = dora.weight.detach()
    finally:
        dora.weight = parameter
    parameter.copy_(magnitudes)
