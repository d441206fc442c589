"""Experts as PEFT adapts them: one module per parameter, with the factors of all its experts.

Of a parameter (E, m, n), PEFT's ``ParamWrapper`` has lora_A (r·E, n), in which the r rows of an
expert are neighbours, and lora_B (m, r·E), in which its columns are E apart. Of several parameters
of one module the wrapper of the last is outermost, and the others are inside it, one as the
``base_layer`` of the next.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from loraone.inputs.models.experts import is_of_expert, parameter_of
from loraone.inputs.models.targets import TargetLayer
from loraone.methods.base import Factors

# A trailing part of the paths of wrappers that are inside another.
_INSIDE = ".base_layer"
# What PEFT itself can start a parameter's factors with.
_OF_NO_WEIGHT = (True, False, "gaussian")


def parameters_of(layers: Iterable[TargetLayer]) -> list[str]:
    """The parameters whose experts are among the layers, by name: PEFT's ``target_parameters``."""
    return list(dict.fromkeys(layer.key for layer in layers if layer.expert is not None))


def wrappers(base: nn.Module) -> dict[str, Any]:
    """PEFT's wrappers in an adapted model, by the name of the parameter in the plain one."""
    from peft.tuners.lora.layer import ParamWrapper

    return {
        f"{path.replace(_INSIDE, '')}.{module.parameter_name}": module
        for path, module in base.named_modules()
        if isinstance(module, ParamWrapper)
    }


def factors(wrapper: Any, adapter: str, expert: int) -> tuple[Tensor, Tensor]:
    """lora_A (r, n) and lora_B (m, r) of one expert: views, which may be written to."""
    A, B = wrapper.lora_A[adapter].weight, wrapper.lora_B[adapter].weight
    count = wrapper.num_experts
    return A.view(count, -1, A.shape[1])[expert], B.view(len(B), -1, count)[:, :, expert]


def adapted_modules(base: nn.Module, layers: Sequence[TargetLayer]) -> dict[str, Any]:
    """PEFT's module of each layer, by the layer's name; experts of one parameter share theirs."""
    modules, wrapped = dict(base.named_modules()), wrappers(base)
    return {
        layer.name: modules[layer.name] if layer.expert is None else wrapped[layer.key]
        for layer in layers
    }


def built(model: nn.Module, config: Any, layers: Sequence[TargetLayer], adapter: str) -> Any:
    """The model with PEFT's adapter. Its inits from the weight know linear layers alone: each
    expert is then started as PEFT starts a linear layer with its weight."""
    from peft import get_peft_model
    from peft.tuners.tuners_utils import cast_adapter_dtype

    init = config.init_lora_weights
    if not parameters_of(layers) or init in _OF_NO_WEIGHT:
        return get_peft_model(model, config)
    config.init_lora_weights = True
    adapted = get_peft_model(model, config)
    config.init_lora_weights = init
    for name, module in adapted_modules(adapted.base_model.model, layers).items():
        if not is_of_expert(name):
            module.update_layer(adapter, config.r, config.lora_alpha, config=config)
    wrapped = wrappers(adapted.base_model.model)
    for layer in layers:
        if layer.expert is not None:
            _begin(layer, wrapped[layer.key], config, adapter)
    cast_adapter_dtype(adapted, adapter)
    return adapted


@torch.no_grad()
def _begin(layer: TargetLayer, wrapper: Any, config: Any, adapter: str) -> None:
    """Its factors, and its base where the init changes that, from a linear layer of its own."""
    from peft.tuners.lora.layer import Linear

    assert layer.expert is not None
    m, n = layer.shape
    linear = nn.Linear(n, m, bias=False, device="meta")
    linear.weight = nn.Parameter(layer.weight.clone(), requires_grad=False)
    begun = Linear(linear, adapter, config=config, r=config.r, lora_alpha=config.lora_alpha)
    A, B = factors(wrapper, adapter, layer.expert)
    A.copy_(begun.lora_A[adapter].weight)
    B.copy_(begun.lora_B[adapter].weight)
    layer.set_weight(linear.weight)


def stacked(layers: Mapping[str, Factors]) -> dict[str, Factors]:
    """The factors of all experts of each parameter as PEFT's wrapper has them, by parameter."""
    by_parameter: dict[str, list[Factors]] = {}
    for name, pair in layers.items():
        if is_of_expert(name):
            by_parameter.setdefault(parameter_of(name), []).append(pair)
    return {
        parameter: Factors(
            torch.cat([pair.A for pair in pairs]),
            torch.stack([pair.B for pair in pairs], dim=2).flatten(1),
        )
        for parameter, pairs in by_parameter.items()
    }


def places(layers: Sequence[TargetLayer]) -> dict[str, str]:
    """Where PEFT has the wrapper of each parameter: the path of its module, and how far inside."""
    found = {}
    asked = {layer.key: layer.module for layer in layers if layer.expert is not None}
    for parameter, module in asked.items():
        path = parameter.rpartition(".")[0]
        own = [f"{path}.{name}" for name, _ in module.named_parameters(recurse=False)]
        later = own[own.index(parameter) + 1 :]
        found[parameter] = path + _INSIDE * sum(other in asked for other in later)
    return found


def deltas(wrapper: Any) -> Tensor:
    """s·B·A of all experts of a parameter in float32, as PEFT itself would merge them; in
    the orientation of the parameter."""
    alone = copy.deepcopy(wrapper).float()
    (adapter,) = alone.active_adapters
    change: Tensor = alone.get_delta_weight(adapter)
    return change.cpu()
