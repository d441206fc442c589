"""Pretrained models: loading them safely, drawing their new heads, hashing their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from loraone.catalog import TASKS
from loraone.errors import ModelError
from loraone.inputs.models.paths import model_location
from loraone.inputs.models.targets import TargetLayer, find_targets
from loraone.spec.model import ModelSpec

_HEADS = ("classifier", "score", "classification_head")


@dataclass(frozen=True)
class LoadedModel:
    """A model with its tokenizer, target layers, and the names of its new head, if any."""

    model: Any
    tokenizer: Any
    layers: tuple[TargetLayer, ...]
    heads: tuple[str, ...]
    location: str
    revision: str | None


def load(spec: ModelSpec, task: str, labels: int, device: torch.device) -> LoadedModel:
    """Load weights (safetensors only, no remote code) and find the target layers.

    Raises ModelError where the model cannot be loaded or no layer matches ``spec.targets``.
    """
    import transformers

    location, revision = model_location(spec)
    options: dict[str, Any] = {
        "revision": revision,
        "trust_remote_code": False,
    }
    kinds: dict[str, Any] = {}
    if TASKS[task].new_head:
        # A head of another size in the checkpoint is no matter: the head is drawn anew anyway.
        kinds = {"num_labels": labels, "ignore_mismatched_sizes": True}
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        _refuse_quantised(transformers.AutoConfig.from_pretrained(location, **options), spec)
        tokenizer = transformers.AutoTokenizer.from_pretrained(location, **options)
        model = getattr(transformers, TASKS[task].auto_class).from_pretrained(
            location,
            use_safetensors=True,
            dtype=getattr(torch, spec.dtype),
            **options,
            **kinds,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"model {spec.id!r} cannot be loaded for {TASKS[task].label.lower()}: {error}",
            field="model.id",
            value=spec.id,
            hint="check the name and the network (HF_HUB_OFFLINE), HF_TOKEN for a gated model",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    for module in model.modules():  # T5's decoder has a configuration of its own
        if hasattr(getattr(module, "config", None), "use_cache"):
            module.config.use_cache = False
    model.to(device).eval()
    layers = find_targets(model, spec)
    heads = tuple(name for name in _HEADS if isinstance(getattr(model, name, None), nn.Module))
    resolved = getattr(model.config, "_commit_hash", None) or revision
    return LoadedModel(model, tokenizer, layers, heads, location, resolved)


def _refuse_quantised(config: Any, spec: ModelSpec) -> None:
    """Before the weights are read: a run changes weights and puts them back bit for bit."""
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(
            f"model {spec.id!r} is quantised: its weights can be neither trained, restored bit for "
            "bit nor taken out of a residual",
            field="model.id",
            value=spec.id,
            allowed="weights in float32, bfloat16 or float16",
            hint="use the unquantised checkpoint, or for one adapter in your own code "
            "loraone.peft_native.initialize_lora_one_weights, which takes quantised layers",
        )


@torch.no_grad()
def reset_head(loaded: LoadedModel, seed: int) -> None:
    """Draw the new head anew from ``seed``: normal weights, zero bias, as transformers does."""
    generator = torch.Generator().manual_seed(seed)
    std = getattr(loaded.model.config, "initializer_range", 0.02)
    for name in loaded.heads:
        for parameter in getattr(loaded.model, name).parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
            else:
                parameter.zero_()


def head_states(loaded: LoadedModel) -> dict[str, dict[str, Tensor]]:
    """Copies of what the new head's modules hold, by module."""
    return {
        name: {
            key: tensor.detach().clone()
            for key, tensor in getattr(loaded.model, name).state_dict().items()
        }
        for name in loaded.heads
    }


def set_heads(loaded: LoadedModel, states: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Put on the head that :func:`head_states` copied."""
    for name, state in states.items():
        getattr(loaded.model, name).load_state_dict(state)


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over the names and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        digest.update(name.encode())
        digest.update(data.data)
    return digest.hexdigest()
