"""The layers of a PEFT model that LoRA-One can start, and those that it refuses by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Embedding, MultiheadAttention, ParamWrapper, _ConvNd
from peft.tuners.lora.tp_layer import LoraParallelLinear
from peft.tuners.lora.variants import DoraLinearVariant, _DoraConvNdVariant
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.parallel import DataParallel, DistributedDataParallel

from loraone.errors import ModelError
from loraone.inputs.models.targets import TargetLayer
from loraone.methods.lora_one.row import ROW
from loraone.spec.applicability import check_layers

STARTED = "linear layers, Conv1D, embeddings, and convolutions without groups or dilation"


@dataclass(frozen=True)
class AdapterLayer(TargetLayer):
    """A layer that PEFT adapts: W flattened to ``size`` = (out, in), and the rank it has there."""

    size: tuple[int, int] = (0, 0)
    rank: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in), a convolution's as (out, in·kernel)."""
        return self.size


def adapter_layers(tuner: nn.Module, adapter_name: str) -> dict[AdapterLayer, Any]:
    """What PEFT adapts with this adapter: the layers, each with PEFT's module for it.

    Raises ModelError, naming the layer, for the first that LoRA-One cannot start, and SpecError
    for the first whose rank does not fit.
    """
    layers = {}
    for name, module in tuner.named_modules():
        if isinstance(module, LoraLayer) and adapter_name in module.r:
            name = name.removeprefix("base_model.model.")
            _check(name, module, adapter_name)
            A, _ = weights(module, adapter_name)
            if A.is_meta or not A.numel() or hasattr(A, "placements"):
                raise ModelError(
                    f"the adapter of layer {name} has no values here: it is on the meta device or "
                    "split over devices",
                    field="model",
                    value=name,
                    hint="build it without low_cpu_mem_usage, in one process",
                )
            layers[_layer(name, module, adapter_name)] = module
    return layers


def check_ranks(layers: Sequence[AdapterLayer]) -> None:
    """Raise SpecError, naming the layer, where a rank is above min(m, n)."""
    for rank in sorted({layer.rank for layer in layers}):
        check_layers([layer for layer in layers if layer.rank == rank], ROW, rank)


def weights(module: Any, adapter_name: str) -> tuple[Tensor, Tensor]:
    """lora_A and lora_B as PEFT holds them; an embedding has them as bare parameters."""
    if isinstance(module, Embedding):
        return module.lora_embedding_A[adapter_name], module.lora_embedding_B[adapter_name]
    return module.lora_A[adapter_name].weight, module.lora_B[adapter_name].weight


def planned_layer(name: str, module: LoraLayer, adapter_name: str, target: nn.Module) -> Any:
    """The layer ``target`` of a base model that PEFT would wrap into ``module``."""
    _check(name, module, adapter_name)
    planned = _layer(name, module, adapter_name)
    return AdapterLayer(name, target, size=planned.size, rank=planned.rank)


def _layer(name: str, module: Any, adapter_name: str) -> AdapterLayer:
    A, B = weights(module, adapter_name)
    size = (B.shape[0], A.shape[1:].numel())
    return AdapterLayer(name, module.get_base_layer(), size=size, rank=A.shape[0])


def _check(name: str, module: Any, adapter_name: str) -> None:
    base = module.get_base_layer()
    kind = type(base).__name__
    if isinstance(module, ParamWrapper):
        _refuse(f"parameter {name}.{module.parameter_name} of a {kind}", "target_parameters", name)
    if isinstance(module, MultiheadAttention | LoraParallelLinear):
        _refuse(f"layer {name}, a {kind}", "target_modules", name)
    if isinstance(base, NonDynamicallyQuantizableLinear):
        # Attention reads its weight and never calls it: PEFT's adapter has no effect there.
        _refuse(f"layer {name}, the output of a MultiheadAttention", "target_modules", name)
    if isinstance(module, _ConvNd):
        if base.groups != 1 or set(base.dilation) != {1} or base.padding_mode != "zeros":
            # PEFT's lora_A has neither dilation nor padding mode: s·B·A is no change of W there.
            _refuse(
                f"layer {name}, a {kind} with groups, dilation or another padding than zeros",
                "target_modules",
                name,
            )
    elif not isinstance(module, Embedding) and not (
        adapter_name in module.lora_A and isinstance(module.lora_A[adapter_name], nn.Linear)
    ):
        # Adapters of PEFT's other methods, such as AdaLoRA, and of kinds that are yet to come.
        what = f"layer {name}, a {kind} in PEFT's {type(module).__module__.rpartition('.')[0]}"
        _refuse(f"{what}.{type(module).__name__}", "target_modules", name)
    if getattr(base, "_hf_tp_plan", None) is not None:
        _refuse(f"layer {name}, which is split over devices", "target_modules", name)
    variant = module.lora_variant.get(adapter_name)
    if variant is not None and not isinstance(variant, DoraLinearVariant | _DoraConvNdVariant):
        _refuse(f"layer {name} with {type(variant).__name__}", "config", name)
    A, _ = weights(module, adapter_name)
    if A.dim() >= 2 and A.shape[0] != module.r[adapter_name]:
        _refuse(f"layer {name}, whose factors are padded for hot-swapping", "model", name)


def _refuse(what: str, field: str, name: str) -> None:
    raise ModelError(
        f"LoRA-One cannot start {what}: it would stay at ΔW = 0",
        field=field,
        value=name,
        allowed=STARTED,
        hint="leave it out, or give it an adapter of its own with a plain LoraConfig",
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel, DataParallel or torch.compile.

    Raises ModelError where several processes share it: each would see its own gradient alone.
    """
    while True:
        if isinstance(model, DistributedDataParallel):
            count = torch.distributed.get_world_size(model.process_group)
            if count > 1:
                raise ModelError(
                    f"the model is wrapped for {count} processes, each of which would start from "
                    "its own part of the gradient",
                    field="model",
                    value=count,
                    allowed="a model in one process",
                    hint="initialise before wrapping it, with the same batches in every process",
                )
            model = model.module
        elif isinstance(model, DataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return model
