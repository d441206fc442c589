"""LoRA-One for an adapter that PEFT has built already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor

from loraone.adapters.peft_native.factors import (
    decompose,
    lora_one_factors,
    write_factors,
)
from loraone.errors import ModelError, SpecError
from loraone.gradient.exact import one_step_gradient
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.inputs.models.targets import TargetLayer
from loraone.methods.lora_one.row import ROW, Scale
from loraone.spec.applicability import check_layers


def initialize_lora_one_weights(
    model: PeftModel,
    dataloader: Iterable[Mapping[str, Tensor]],
    *,
    adapter_name: str = "default",
    scale: Scale = "spectral",
    gamma: float = 128.0,
    seed: int = 0,
    gradient: Literal["accumulate", "layerwise", "sketch", "immediate"] = "accumulate",
) -> None:
    """Start an adapter of a PEFT model from the gradient over all batches of ``dataloader``.

    Batches are dictionaries with ``labels``; they are weighted by their loss tokens. The gradient
    is that of the base model, with all adapters switched off. Other adapters keep their factors;
    DoRA's magnitudes are recomputed from ``W + s·B·A``.

    Quantised layers (bitsandbytes) are as good as any: G is taken from inputs and output gradients.

    ``gradient`` says how it is taken: ``accumulate`` holds the gradient of every target layer in
    float32; ``layerwise`` (also ``immediate``, its old name) one layer's at a time, exactly, from a
    single batch; ``sketch`` none at all, in four passes over the data (see
    :mod:`loraone.gradient.sketch`).
    """
    modules = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer) and adapter_name in module.lora_A
    }
    if not modules:
        known = ", ".join(model.peft_config)
        raise ModelError(
            f"the model has no LoRA adapter {adapter_name!r} on linear layers; it has: {known}",
            field="adapter_name",
            value=adapter_name,
            allowed=known,
        )
    layers = tuple(TargetLayer(name, module.get_base_layer()) for name, module in modules.items())
    config = model.peft_config[adapter_name]
    check_layers(layers, ROW, config.r)
    device = next(model.parameters()).device
    batches = [{key: value.to(device) for key, value in batch.items()} for batch in dataloader]
    with model.disable_adapter():
        if gradient == "sketch":
            triplets = sketch(model, layers, batches, config.r, seed=seed)
        elif gradient in ("layerwise", "immediate"):
            if len(batches) != 1:
                raise SpecError(
                    f"gradient = {gradient!r} takes one batch, the dataloader gave {len(batches)}",
                    field="gradient",
                    value=gradient,
                    allowed="accumulate or sketch for several batches",
                )
            triplets = layerwise(model, layers, batches[0], config.r, seed=seed)
        else:
            triplets = decompose(one_step_gradient(model, layers, batches)[0], config.r, seed)
    params = {"scale": scale, "gamma": gamma}
    factors = lora_one_factors(
        triplets, config.r, config.lora_alpha, config.use_rslora, params, seed
    )
    for name, module in modules.items():
        write_factors(module, adapter_name, factors[name])
        if module.use_dora.get(adapter_name):
            module.lora_magnitude_vector[adapter_name].update_layer(
                base_layer=module.get_base_layer(),
                lora_A=module.lora_A[adapter_name].weight,
                lora_B=module.lora_B[adapter_name].weight,
                scaling=module.scaling[adapter_name],
            )
