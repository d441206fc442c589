"""The one-step gradient of a model that PEFT has not adapted yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora import LoraLayer, LoraModel
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from loraone.adapters.peft_native.config import LoraOneConfig
from loraone.adapters.peft_native.factors import decompose, lora_one_factors
from loraone.errors import ModelError
from loraone.gradient.exact import collecting
from loraone.inputs.models.targets import TargetLayer
from loraone.methods.lora_one.row import ROW
from loraone.spec.applicability import check_layers


def preprocess_lora_one(
    model: nn.Module, lora_config: LoraOneConfig, train_step: Callable[[], Any]
) -> None:
    """Take the one-step gradient of the target layers and keep LoRA-One's factors in the config.

    Args:
        model: the base model, before ``get_peft_model``. Left in eval mode during ``train_step``
            (dropout makes the subspaces noisy), then as it was.
        lora_config: says which layers, rank, scaling, scale and γ.
        train_step: runs forward and backward, once or several times: gradients add up, so divide
            the loss of micro-batches as for gradient accumulation.

    Raises SpecError or ModelError where the rank does not fit, no layer matches, or no gradient
    arrived. Nothing is stored on the model, and no parameter's ``.grad`` is changed.
    """
    layers = _targets(model, lora_config)
    check_layers(layers, ROW, lora_config.r)
    gradients = _gradient(model, layers, train_step)
    factors = lora_one_factors(
        decompose(gradients, lora_config.r, lora_config.lora_one_seed),
        lora_config.r,
        lora_config.lora_alpha,
        lora_config.use_rslora,
        {"scale": lora_config.lora_one_scale, "gamma": lora_config.lora_one_gamma},
        lora_config.lora_one_seed,
    )
    for layer in layers:
        lora_config._lora_one_factors[layer.module] = factors[layer.name]


def _targets(model: nn.Module, config: LoraOneConfig) -> tuple[TargetLayer, ...]:
    """The layers that PEFT will adapt for this config."""
    if any(isinstance(module, LoraLayer) for module in model.modules()):
        raise ModelError(
            "the model has adapters already: PEFT would keep their layers and ignore the factors",
            hint="use initialize_lora_one_weights(peft_model, dataloader, adapter_name=…)",
        )
    if config.target_modules is None:
        kind = getattr(getattr(model, "config", None), "model_type", None)
        config.target_modules = set(LoraModel.target_module_mapping.get(kind, ())) or None
    matching = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and config.target_modules
        and LoraModel._check_target_module_exists(config, name)
    ]
    if not matching:
        raise ModelError(
            f"no nn.Linear or Conv1D matches target_modules = {config.target_modules!r}",
            field="target_modules",
            value=config.target_modules,
            allowed="names of linear layers of the model",
        )
    packed = next(
        (name for name, module in matching if not module.weight.is_floating_point()), None
    )
    if packed is not None:
        raise ModelError(
            f"layer {packed} is quantised: LoraOneConfig's layers are those of plain weights",
            value=packed,
            hint="get_peft_model with a plain LoraConfig, then initialize_lora_one_weights",
        )
    return tuple(TargetLayer(name, module) for name, module in matching)


def _gradient(
    model: nn.Module, layers: tuple[TargetLayer, ...], train_step: Callable[[], Any]
) -> dict[str, Tensor]:
    """What ``train_step``'s backward passes add up to, in eval mode, parameters left alone."""
    training = model.training
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    model.eval()
    try:
        with torch.enable_grad(), collecting(layers) as sums:
            train_step()
    finally:
        model.train(training)
        for parameter, flag in flags.items():
            parameter.requires_grad_(flag)
    if not any(gradient.any() for gradient in sums.values()):
        raise ModelError(
            "train_step ran no backward pass through the target layers",
            hint="it must call loss.backward(), and not under torch.no_grad()",
        )
    return sums
