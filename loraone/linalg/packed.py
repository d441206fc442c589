"""Things as they are written to a file: tensors by name, and JSON-able data beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

Packed: TypeAlias = tuple[Mapping[str, Tensor], Any]


class UnfitError(ValueError):
    """What was read is not of the thing that is to go on from it."""


def joined(**parts: Packed) -> Packed:
    """Several things as one, each under its name."""
    tensors = {
        f"{of}|{name}": tensor for of, one in parts.items() for name, tensor in one[0].items()
    }
    return tensors, {of: one[1] for of, one in parts.items()}


def part(of: str, packed: Packed) -> Packed:
    """The thing that :func:`joined` was given under this name. Raises KeyError without one."""
    tensors, beside = packed
    mark = f"{of}|"
    mine = {name[len(mark) :]: tensor for name, tensor in tensors.items() if name.startswith(mark)}
    return mine, beside[of]


def separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor on the CPU in memory of its own: what is part of another's cannot be written as
    it is."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        on_cpu = tensor.detach().cpu().contiguous()
        storage = on_cpu.untyped_storage()
        own = storage.nbytes() == on_cpu.numel() * on_cpu.element_size()
        found[name] = on_cpu if own and storage.data_ptr() not in seen else on_cpu.clone()
        seen.add(storage.data_ptr())
    return found


@torch.no_grad()
def put(tensors: Mapping[str, Tensor], into: Mapping[str, Tensor]) -> None:
    """Write each tensor over that of its name. Raises UnfitError unless names, shapes and formats
    are the same on both sides."""
    if tensors.keys() != into.keys():
        lonely = sorted(tensors.keys() ^ into.keys())
        raise UnfitError(f"{lonely[0]} and {len(lonely) - 1} more are on one side alone")
    for name, tensor in tensors.items():
        given, wanted = ((tuple(each.shape), each.dtype) for each in (tensor, into[name]))
        if given != wanted:
            raise UnfitError(f"{name} is {given}, not {wanted}")
    for name, tensor in tensors.items():
        into[name].copy_(tensor)
