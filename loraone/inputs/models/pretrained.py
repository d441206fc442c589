"""The pretrained weights of the target layers: held once, in the model itself.

While the base is as it was loaded, a weight is the layer's own. A run that changes the base has
them from the checkpoint's files, which are mapped into memory and not read before they are asked
for; a weight that no file holds as the model has it is copied before it may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from loraone.errors import ModelError
from loraone.inputs.models import experts
from loraone.inputs.models.checkpoint import is_named
from loraone.inputs.models.digests import combined, digest
from loraone.inputs.models.folder import CONFIG, weight_files
from loraone.inputs.models.json_files import read_json
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.location import local_folder
from loraone.inputs.models.targets import TargetLayer
from loraone.spec.model import ModelSpec


class PretrainedWeights(Mapping[str, Tensor]):
    """W₀ by layer, (out, in), float32 on the CPU: a copy of the caller's own each time; of a
    quantised base what its weights stand for.

    ``digests`` are those of the loaded model's tensors by their names in it; what is taken from a
    file is what has the same one.
    """

    def __init__(self, loaded: LoadedModel, spec: ModelSpec, digests: Mapping[str, str]) -> None:
        self._layers = {layer.name: layer for layer in loaded.layers}
        self._spec = spec
        self._digests = digests
        self._found: dict[str, _Stored | _Joined | Tensor] | None = None
        self._may_change = False

    def __getitem__(self, name: str) -> Tensor:
        layer = self._layers[name]
        if layer.quantised:  # no method may change it
            return layer.weight.cpu()
        own = self._original(layer) if self._may_change else layer.stored
        weight = layer.oriented(own).cpu()
        # A method may write to what it is given; the model's own weight is not for it.
        return weight.clone() if weight.dtype == torch.float32 else weight.float()

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def may_change(self) -> None:
        """From here on the model's own weights may be others than were loaded."""
        if self._found is None:
            self._found = self._search()
        self._may_change = True

    @property
    def may_have_changed(self) -> bool:
        """Whether a run has said since the last :meth:`restore` that the model's are others."""
        return self._may_change

    @torch.no_grad()
    def restore(self, digests: Mapping[str, str]) -> list[str]:
        """Put back those whose digest in ``digests``, the model's as it is, is not what it was; the
        names of these."""
        changed = [
            name
            for name in self._layers
            if digests.get(self._key(name)) != self._digests[self._key(name)]
        ]
        if changed and self._found is None:  # nobody said so before
            self._found = self._search(copies=False)
        for name in changed:
            if self._found is not None and name in self._found:
                self._layers[name].stored.copy_(self._original(self._layers[name]))
        self._may_change = False
        return changed

    def digest(self, name: str) -> str:
        """Of the weight as the model holds it, also while that is another; of a quantised one with
        all that its bits are read by."""
        if not self._layers[name].quantised:
            return self._digests[self._key(name)]
        return combined(
            {
                key: value
                for key, value in self._digests.items()
                if key.startswith(f"{name}.") and key != f"{name}.bias"
            }
        )

    def _original(self, layer: TargetLayer) -> Tensor:
        assert self._found is not None
        found = self._found[layer.name]
        return found if isinstance(found, Tensor) else found.of(layer)

    def _search(self, *, copies: bool = True) -> dict[str, _Stored | _Joined | Tensor]:
        """Where each weight is to be had when the model's own has changed."""
        files = CheckpointFiles(self._spec)
        found: dict[str, _Stored | _Joined | Tensor] = {}
        for name, layer in self._layers.items():
            stored = files.holding(layer, self._digests[layer.key])
            if stored is not None:
                found[name] = stored
            elif copies and not layer.quantised:
                found[name] = layer.stored.cpu().clone()
        return found

    def _key(self, name: str) -> str:
        return self._layers[name].key


class _Stored:
    """A tensor of a file that stays open: what the path names may become another file."""

    def __init__(self, file: Any, key: str) -> None:
        self._file = file
        self._key = key

    def tensor(self, dtype: torch.dtype) -> Tensor:
        """Of the model's format; a view of the file where that is its own."""
        tensor: Tensor = self._file.get_tensor(self._key)
        return tensor.to(dtype)

    def of(self, layer: TargetLayer) -> Tensor:
        """What the model's parameter holds of this layer."""
        whole = self.tensor(layer.parameter.dtype)
        return whole if layer.expert is None else whole[layer.expert]


class _Joined:
    """A parameter of experts whose matrices are stored one by one, by expert; of each those that
    transformers joins as it loads."""

    def __init__(self, parts: Sequence[Sequence[_Stored]]) -> None:
        self._parts = parts

    def of(self, layer: TargetLayer) -> Tensor:
        """What the model's parameter holds of this layer."""
        assert layer.expert is not None
        return self._expert(layer.expert, layer.parameter.dtype)

    def whole(self, dtype: torch.dtype) -> Tensor:
        """The parameter itself, formed anew."""
        return torch.stack([self._expert(number, dtype) for number in range(len(self._parts))])

    def _expert(self, number: int, dtype: torch.dtype) -> Tensor:
        return torch.cat([part.tensor(dtype) for part in self._parts[number]])


class CheckpointFiles:
    """The weight files of a model; none where they are not to be found or read any more."""

    def __init__(self, spec: ModelSpec) -> None:
        self._opened: dict[str, Any] = {}
        # What was found for the parameter that several experts have in common.
        self._known: dict[str, _Stored | _Joined | None] = {}
        with suppress(ModelError, OSError, ValueError, SafetensorError):
            folder = local_folder(spec)
            if folder is not None:
                for file in _named(folder, spec):
                    opened = safe_open(file, framework="pt")
                    names: list[str] = opened.keys()  # type: ignore[no-untyped-call]
                    self._opened |= dict.fromkeys(names, opened)

    def holding(self, layer: TargetLayer, wanted: str) -> _Stored | _Joined | None:
        """The tensor that is this layer's parameter, bit for bit in the model's format, or those
        that are the experts of it.

        A checkpoint may be without the prefix that its model has in a task, or have one more.
        """
        if layer.key not in self._known:
            found = self._search(layer, wanted)
            if found is None and layer.expert is not None:
                self._known[layer.key] = self._search_experts(layer, wanted)
            else:
                self._known[layer.key] = found
        return self._known[layer.key]

    def _search_experts(self, layer: TargetLayer, wanted: str) -> _Joined | None:
        parameter = layer.parameter
        for parts in experts.parts_of(layer.key, self._opened):
            stored = _Joined(
                [[_Stored(self._opened[name], name) for name in each] for each in parts]
            )
            with suppress(RuntimeError):  # they are of other shapes
                whole = stored.whole(parameter.dtype)
                if digest(whole, parameter.device) == wanted:
                    return stored
        return None

    def _search(self, layer: TargetLayer, wanted: str) -> _Stored | None:
        parameter = layer.parameter
        for name in self.named(layer.key):
            opened = self._opened[name]
            if tuple(opened.get_slice(name).get_shape()) == tuple(parameter.shape):
                stored = _Stored(opened, name)
                if digest(stored.tensor(parameter.dtype), parameter.device) == wanted:
                    return stored
        return None

    def tensor(self, name: str) -> Tensor:
        """The tensor of that very name, as it is stored."""
        stored: Tensor = self._opened[name].get_tensor(name)
        return stored

    def named(self, key: str) -> Iterable[str]:
        """What may be the tensor ``key`` of a model, by name alone, the likeliest first."""
        yield from (key,) if key in self._opened else ()
        yield from (name for name in self._opened if name != key and is_named(name, key))


def _named(folder: Path, spec: ModelSpec) -> list[Path]:
    config = read_json(folder / CONFIG)
    return weight_files(folder, spec.id, config if isinstance(config, dict) else {})
