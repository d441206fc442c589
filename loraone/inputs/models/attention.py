"""How a model's attention is computed, where a spec asks for one way of it."""

from __future__ import annotations

from typing import Any

import torch

from loraone.errors import ModelError
from loraone.spec.model import ModelSpec

_SUPPORTED = {"sdpa": "_supports_sdpa", "flash_attention_2": "_supports_flash_attn"}


def options(spec: ModelSpec, model_class: Any, device: torch.device) -> dict[str, str]:
    """What ``from_pretrained`` is told of it: nothing for auto, where transformers chooses.

    Raises ModelError where the model or this machine has no such attention: transformers would try
    to download its kernels.
    """
    chosen = spec.attn_implementation
    if chosen == "auto":
        return {}
    if chosen in _SUPPORTED and not getattr(model_class, _SUPPORTED[chosen], False):
        raise _refused(spec, model_class, f"{model_class.__name__} has no {chosen}")
    if chosen == "flash_attention_2":
        from transformers.utils import is_flash_attn_2_available

        if device.type != "cuda" or not is_flash_attn_2_available():
            reason = f"{chosen} needs the package flash-attn and a CUDA device; this is {device}"
            raise _refused(spec, model_class, reason)
    return {"attn_implementation": chosen}


def _refused(spec: ModelSpec, model_class: Any, reason: str) -> ModelError:
    sdpa = ", sdpa" if model_class._supports_sdpa else ""
    return ModelError(
        f"{spec.id} cannot be loaded as asked: {reason}",
        field="model.attn_implementation",
        value=spec.attn_implementation,
        allowed=f"auto, eager{sdpa}",
        hint="set model.attn_implementation to auto",
    )
