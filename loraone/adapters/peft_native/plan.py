"""What PEFT will adapt for a configuration, found out by letting PEFT do it.

Names, patterns, ``all-linear``, exclusions, ranks by layer and PEFT's own refusals are PEFT's: a
copy of the model without its values is given to it, and what it made of the copy is read off.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import fields

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer, LoraModel
from peft.tuners.lora.layer import Conv1d, Conv2d, Conv3d, Embedding, Linear
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from loraone.adapters.peft_native.layers import AdapterLayer, check_ranks, planned_layer
from loraone.errors import ModelError, SpecError

_ADAPTER = "planned"


def planned_layers(model: nn.Module, config: LoraConfig) -> tuple[AdapterLayer, ...]:
    """The layers of ``model`` that ``get_peft_model(model, config)`` will adapt, in its order.

    Raises ModelError or SpecError for what LoRA-One cannot start, and for what PEFT refuses.
    """
    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        raise ModelError(
            "the model has adapters already: PEFT would keep their layers and ignore the factors",
            field="model",
            value=type(model).__name__,
            allowed="a base model without adapters",
            hint="use initialize_lora_one_weights(peft_model, dataloader, adapter_name=…)",
        )
    if config.layer_replication:
        raise SpecError(
            "layer_replication makes new layers in get_peft_model, which no gradient was taken of",
            field="layer_replication",
            value=config.layer_replication,
            allowed="None",
            hint="use a plain LoraConfig, and initialize_lora_one_weights afterwards",
        )
    tuner, plain = _adapted_copy(model, config)
    if getattr(plain, "target_modules_to_tie", None):
        tied = ", ".join(plain.target_modules_to_tie)
        raise SpecError(
            f"ensure_weight_tying shares one adapter between the embedding and {tied}, which have "
            "a gradient each",
            field="ensure_weight_tying",
            value=True,
            allowed="False",
        )
    layers = []
    for name, module in tuner.model.named_modules():
        if isinstance(module, LoraLayer):
            target = model.get_submodule(name)
            layers.append(planned_layer(name, module, _ADAPTER, target))
            _refuse_quantised(name, target, module)
    if not layers:
        raise ModelError(
            f"target_modules = {config.target_modules!r} names no layer",
            field="target_modules",
            value=config.target_modules,
            allowed="names of layers of the model",
        )
    check_ranks(layers)
    return tuple(layers)


def _adapted_copy(model: nn.Module, config: LoraConfig) -> tuple[LoraModel, LoraConfig]:
    """A copy of the model without values that PEFT has adapted, and the config it made of ours."""
    given = {f.name: getattr(config, f.name) for f in fields(LoraConfig) if f.init}
    given["init_lora_weights"] = True
    # Drawing first factors must not move the caller's random stream.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        try:
            copied = _hollow_copy(model)
        except (TypeError, RuntimeError, NotImplementedError) as error:
            raise ModelError(
                f"{type(model).__name__} cannot be copied, so its target layers cannot be found "
                f"out beforehand: {error}",
                field="model",
                value=type(model).__name__,
                hint="use a plain LoraConfig, and initialize_lora_one_weights afterwards",
            ) from error
        plain = LoraConfig(**copy.deepcopy(given))
        try:
            return LoraModel(copied, plain, _ADAPTER, low_cpu_mem_usage=True), plain
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"PEFT cannot adapt the model so: {error}",
                field="target_modules",
                value=config.target_modules,
                allowed="what get_peft_model takes",
            ) from error


def _hollow_copy(model: nn.Module) -> nn.Module:
    """The model's modules without the values of their parameters, which take no memory.

    Packed weights of quantised layers are kept, as PEFT looks into them; buffers are too.
    """
    memo: dict[int, object] = {id(buffer): buffer for buffer in model.buffers()}
    for parameter in model.parameters():
        memo[id(parameter)] = (
            nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
            if type(parameter) is nn.Parameter and parameter.is_floating_point()
            else parameter
        )
    copied: nn.Module = copy.deepcopy(model, memo)
    return copied


def _refuse_quantised(name: str, target: nn.Module, module: LoraLayer) -> None:
    weight = getattr(target, "weight", None)
    plain = type(module) in (Linear, Embedding, Conv1d, Conv2d, Conv3d)
    floating = weight is None or (type(weight) is nn.Parameter and weight.is_floating_point())
    if not floating or (isinstance(target, nn.Linear) and not plain):
        raise ModelError(
            f"layer {name} is quantised: LoraOneConfig's layers are those of plain weights",
            field="target_modules",
            value=name,
            allowed="layers with weights of floating-point numbers",
            hint="get_peft_model with a plain LoraConfig, then initialize_lora_one_weights",
        )
    if weight is not None and weight.is_meta:
        raise ModelError(
            f"layer {name} is on the meta device: it has no values to take a gradient of",
            field="model",
            value=name,
            allowed="a model with its weights loaded",
        )
