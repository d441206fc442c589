"""The one-step gradient of a model that PEFT has not adapted yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from loraone.adapters.peft_native.config import LoraOneConfig
from loraone.adapters.peft_native.factors import checked_params, decompose, lora_one_factors
from loraone.adapters.peft_native.layers import AdapterLayer, unwrapped
from loraone.adapters.peft_native.plan import planned_layers
from loraone.errors import ModelError, SpecError
from loraone.gradient.exact import collecting
from loraone.gradient.passes import in_mode
from loraone.gradient.taps import frozen


def preprocess_lora_one(
    model: nn.Module, lora_config: LoraOneConfig, train_step: Callable[[], Any]
) -> None:
    """Take the one-step gradient of the target layers and keep LoRA-One's factors in the config.

    Args:
        model: the base model, before ``get_peft_model``. Left in eval mode during ``train_step``
            (dropout makes the subspaces noisy), then as it was.
        lora_config: says which layers, rank, scaling, scale and γ. Layers are found as PEFT finds
            them; with ``rank_pattern`` each has its own rank.
        train_step: runs forward and backward, once or several times: gradients add up, so divide
            the loss of micro-batches as for gradient accumulation.

    Linear layers, ``Conv1D``, embeddings and convolutions are started; any other that PEFT would
    adapt (attention modules, parameters of fused experts, quantised layers) is refused by name.

    Raises SpecError, ModelError or NotFiniteError, all ValueError, where the rank does not fit, no
    layer matches, or no finite gradient arrived; the config is then as it was. Nothing is stored on
    the model, and no parameter's ``.grad`` is changed. Warns where a layer's gradient has a rank
    below r: what is surplus starts as in LoRA.
    """
    if not isinstance(lora_config, LoraOneConfig):
        raise SpecError(
            f"preprocess_lora_one takes a LoraOneConfig, not a {type(lora_config).__name__}",
            field="lora_config",
            value=type(lora_config).__name__,
            allowed="LoraOneConfig",
            hint="give a plain LoraConfig to get_peft_model, and start its adapter with "
            "initialize_lora_one_weights",
        )
    params = checked_params(
        lora_config.lora_one_scale, lora_config.lora_one_gamma, prefix="lora_one_"
    )
    base = unwrapped(model)
    layers = planned_layers(base, lora_config)
    with _local(model):
        gradients = _gradient(base, layers, train_step)
    triplets = decompose(gradients, layers, lora_config.lora_one_seed)
    factors = lora_one_factors(triplets, layers, params, lora_config.lora_one_seed)
    lora_config.keep(factors, {layer.name: layer.module for layer in layers})


def _gradient(
    model: nn.Module, layers: tuple[AdapterLayer, ...], train_step: Callable[[], Any]
) -> dict[str, Tensor]:
    """What ``train_step``'s backward passes add up to, in eval mode, parameters left alone."""
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        frozen(model),
        in_mode(model, training=False),
        collecting(layers) as sums,
    ):
        train_step()
    if not any(gradient.any() for gradient in sums.values()):
        raise ModelError(
            "train_step ran no backward pass through the target layers",
            field="train_step",
            allowed="a function that runs forward and backward",
            hint="it must call loss.backward(), and not under torch.no_grad()",
        )
    return sums


@contextmanager
def _local(model: nn.Module) -> Iterator[None]:
    """DistributedDataParallel waits for gradients of parameters, of which there are none here."""
    if isinstance(model, DistributedDataParallel):
        with model.no_sync():
            yield
    else:
        yield
