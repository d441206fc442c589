"""What an optimiser remembers from step to step, as tensors and JSON-able data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from loraone.linalg.packed import Packed


def packed(optimizer: Optimizer) -> Packed:
    """Its moments and counters by the place of the parameter, and each group's learning rate.

    PEFT's LoRA-FA keeps them by name instead; whatever else an optimiser has is its spec's.
    """
    tensors: dict[str, Tensor] = {}
    scalars: list[list[Any]] = []
    for place, kept in _by_place(optimizer).items():
        for name, value in kept.items():
            if isinstance(value, Tensor):
                tensors[f"{place}/{name}"] = value
            else:
                scalars.append([place, name, value])
    on_host = sorted(name for name, tensor in tensors.items() if tensor.device.type == "cpu")
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    return tensors, {"scalars": scalars, "rates": rates, "on_host": on_host}


def unpack(optimizer: Optimizer, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> None:
    """Give an optimiser that was built for the same spec what :func:`packed` took of another.

    Raises KeyError or ValueError where it is not the same.
    """
    parameters = _parameters(optimizer)
    device = parameters[0].device if parameters else torch.device("cpu")
    on_host = set(beside["on_host"])
    kept: dict[str, dict[str, Any]] = {}
    for path, tensor in tensors.items():
        place, _, name = path.rpartition("/")
        # Adam counts its steps on the host, whatever the device.
        kept.setdefault(place, {})[name] = tensor if path in on_host else tensor.to(device)
    for place, name, value in beside["scalars"]:
        kept.setdefault(place, {})[name] = value
    optimizer.state.clear()
    for place, values in kept.items():
        kind, _, key = place.partition(":")
        optimizer.state[parameters[int(key)] if kind == "at" else key] = values  # type: ignore[index]
    for group, rate in zip(optimizer.param_groups, beside["rates"], strict=True):
        group["lr"] = rate


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _by_place(optimizer: Optimizer) -> dict[str, Mapping[str, Any]]:
    places = {id(parameter): at for at, parameter in enumerate(_parameters(optimizer))}
    return {
        f"at:{places[id(key)]}" if isinstance(key, Tensor) else f"named:{key}": values
        for key, values in optimizer.state.items()
    }
