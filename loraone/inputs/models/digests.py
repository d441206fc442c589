"""What the weights of a model are, bit for bit: a digest of each tensor, where it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torch.nn import functional

# Devices that fold what they hold; what others hold is copied to the host.
_FOLDING = ("cuda", "xpu")
# Words of 8 bytes to a row of what is folded.
_ROW = 4096


def weight_digests(model: nn.Module) -> dict[str, str]:
    """The digest of every parameter and buffer by its name; a tied one is read once."""
    state = model.state_dict()
    places = {name: _place(tensor) for name, tensor in state.items()}
    once = {places[name]: tensor for name, tensor in state.items()}
    # hashlib lets other threads go on while it reads.
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        found = dict(zip(once, threads.map(digest, once.values()), strict=True))
    return {name: found[place] for name, place in places.items()}


def combined(digests: Mapping[str, str]) -> str:
    """One digest of many, with their names."""
    whole = hashlib.sha256()
    for name, each in sorted(digests.items()):
        whole.update(f"{name}\0{each}\0".encode())
    return whole.hexdigest()


def digest(tensor: Tensor, device: torch.device | None = None) -> str:
    """SHA-256 of a tensor's bytes; on a GPU, of two foldings of them that it computes itself.

    With the bytes as 64-bit words in rows of 4096, the foldings are the exclusive or of all rows
    and that of all columns: a word that changes, alone or with others, changes both, but for sets
    of changes that cancel in every row and every column. That guards against accidents, not
    against forgery. Nothing but 32 KB and a word for each row comes to the host. With ``device`` it
    is the digest that the same tensor has there.
    """
    where = tensor.device if device is None else device
    data = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    if where.type not in _FOLDING:
        return hashlib.sha256(data.cpu().numpy().data).hexdigest()
    return _folded(data)


def _folded(data: Tensor) -> str:
    whole = hashlib.sha256(str(len(data)).encode())
    missing = -len(data) % (8 * _ROW)
    words = (functional.pad(data, (0, missing)) if missing else data).view(torch.int64)
    words = words.reshape(-1, _ROW)
    for side in (0, 1) if len(words) else ():
        folding: Tensor = torch.hash_tensor(words, dim=side)
        whole.update(folding.view(torch.int64).cpu().numpy().data)
    return whole.hexdigest()


def _place(tensor: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...], torch.dtype]:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype
