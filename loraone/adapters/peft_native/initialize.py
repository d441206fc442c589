"""LoRA-One for an adapter that PEFT has built already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import Tensor, nn

from loraone.adapters.peft_native.batches import loss_labels, prepared
from loraone.adapters.peft_native.factors import checked_params, decompose, lora_one_factors
from loraone.adapters.peft_native.layers import (
    AdapterLayer,
    adapter_layers,
    check_ranks,
    unwrapped,
)
from loraone.adapters.peft_native.writing import write_all
from loraone.errors import ModelError, SpecError
from loraone.gradient.exact import one_step_gradient
from loraone.gradient.finite import check_gradient
from loraone.gradient.groups import groups_of
from loraone.gradient.layerwise import layerwise
from loraone.gradient.passes import in_mode
from loraone.gradient.sketch import sketch
from loraone.gradient.strategy import SHARE, free_memory
from loraone.inputs.models.loss import dtype_of
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.methods.lora_one.row import Scale

Gradient = Literal["accumulate", "layerwise", "sketch", "immediate"]
# PEFT's initialisations that change the base weights: with adapters off it is another model.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def initialize_lora_one_weights(
    model: PeftModel,
    dataloader: Iterable[Mapping[str, Any]],
    *,
    adapter_name: str = "default",
    scale: Scale = "spectral",
    gamma: float = 128.0,
    seed: int = 0,
    gradient: Gradient = "accumulate",
) -> None:
    """Start an adapter of a PEFT model from the gradient over all batches of ``dataloader``.

    Batches are dictionaries of what the model takes, with ``labels``; they are weighted by the
    labels that their losses are means over, shifted where the model shifts them. A single batch
    needs no weight, so the model's loss may then be any. The gradient is that of the base model,
    with all adapters switched off. Other adapters keep their factors; DoRA's magnitudes are
    recomputed from ``W + s·B·A``. What is trained, frozen, switched on or in eval mode stays so.

    Linear layers, ``Conv1D``, embeddings and convolutions are started, with ``rank_pattern`` each
    at its own rank; adapters of other modules, of parameters, and of variants other than DoRA are
    refused by name. Quantised layers (bitsandbytes) are as good as any: G is taken from inputs and
    output gradients.

    ``gradient`` says how it is taken: ``accumulate`` holds the gradient of every target layer in
    float32; ``layerwise`` (also ``immediate``, its old name) one layer's at a time, exactly, from a
    single batch, and from several as many layers' as fit into half of the free memory, with a pass
    over the data for each such group; ``sketch`` none at all, in four passes over the data (see
    :mod:`loraone.gradient.sketch`).

    Raises SpecError, ModelError, DataError or NotFiniteError, all ValueError, for what cannot be;
    the model is then as it was. Warns where a layer's gradient has a rank below r: what is surplus
    starts as in LoRA.
    """
    params = checked_params(scale, gamma)
    if gradient not in get_args(Gradient):
        raise SpecError(
            f"gradient = {gradient!r} is no way to take it",
            field="gradient",
            value=gradient,
            allowed=", ".join(get_args(Gradient)),
        )
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{type(model).__name__} is no model",
            field="model",
            value=type(model).__name__,
            allowed="what get_peft_model returns",
        )
    inner = unwrapped(model)
    adapted = adapter_layers(inner, adapter_name)
    _check_adapter(inner, adapter_name, adapted)
    layers = list(adapted)
    check_ranks(layers)
    batches = prepared(dataloader, next(inner.parameters()).device)
    with _as_base_model(inner):
        triplets = _triplets(inner, layers, batches, gradient, seed)
    factors = lora_one_factors(triplets, layers, params, seed)
    write_all([(module, factors[layer.name]) for layer, module in adapted.items()], adapter_name)


def _check_adapter(model: nn.Module, adapter_name: str, adapted: Mapping[Any, LoraLayer]) -> None:
    configs = getattr(model, "peft_config", {})
    if not adapted:
        known = ", ".join(configs)
        raise ModelError(
            f"the model has no LoRA adapter {adapter_name!r} on linear layers; it has: {known}",
            field="adapter_name",
            value=adapter_name,
            allowed=known,
        )
    for name, config in configs.items():
        init = str(getattr(config, "init_lora_weights", True)).lower()
        if init.startswith(_CHANGES_BASE):
            raise ModelError(
                f"adapter {name!r} was started by {init}, which changed the base weights: its "
                "gradient is not that of the pretrained model",
                field="init_lora_weights",
                value=init,
                allowed="an initialisation that keeps the base weights, as True",
            )
    if getattr(configs.get(adapter_name), "target_modules_to_tie", None):
        raise SpecError(
            "ensure_weight_tying shares one adapter between layers that have a gradient each",
            field="ensure_weight_tying",
            value=True,
            allowed="False",
        )
    merged = next((layer.name for layer, module in adapted.items() if module.merged), None)
    if merged is not None:
        raise ModelError(
            f"an adapter is merged into layer {merged}: its weight is not that of the base model",
            field="model",
            value=merged,
            allowed="a model without merged adapters",
            hint="call model.unmerge_adapter() first",
        )


def _triplets(
    model: nn.Module,
    layers: Sequence[AdapterLayer],
    batches: Sequence[dict[str, Any]],
    gradient: Gradient,
    seed: int,
) -> Mapping[str, Decomposition]:
    """The top triplets of each layer's G, as many as its rank or more."""
    most = max(layer.rank for layer in layers)
    weights = loss_labels(model, batches)
    if gradient in ("layerwise", "immediate") and len(batches) > 1:
        triplets: dict[str, Decomposition] = {}
        for group in groups_of(layers, int(free_memory() * SHARE)):
            sums, _ = one_step_gradient(model, group, batches, weights=weights)
            triplets |= decompose(sums, group, seed)
        return triplets
    if gradient in ("layerwise", "immediate"):

        def top(name: str, G: Tensor) -> Decomposition:
            check_gradient(name, G, dtype_of(model))
            return truncated_svd(G, most, seed=seed)

        return layerwise(model, layers, batches[0], top, weights=weights)
    if gradient == "sketch":
        return sketch(model, layers, batches, most, seed=seed, weights=weights)
    gradients, _ = one_step_gradient(model, layers, batches, weights=weights)
    return decompose(gradients, layers, seed)


@contextmanager
def _as_base_model(model: nn.Module) -> Iterator[None]:
    """All adapters off, in eval mode, with gradients; afterwards all is as it was.

    PEFT's own ``disable_adapter`` switches adapters on again that were off, and makes those train
    that were frozen.
    """
    switches: list[Any] = [
        module
        for module in model.modules()
        if isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper)
    ]
    were_off = [getattr(module, "_disable_adapters", None) for module in switches]
    trained = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for module in switches:
            module.enable_adapters(False)
        with torch.inference_mode(False), torch.enable_grad(), in_mode(model, training=False):
            yield
    finally:
        for module, off in zip(switches, were_off, strict=True):
            if off is not None:
                module._disable_adapters = off
        for parameter, wanted in trained:
            parameter.requires_grad_(wanted)
