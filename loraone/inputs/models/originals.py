"""The weights of quantised layers as they were before: in the checkpoint's files, if anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from loraone.errors import ModelError
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.packed import requantised
from loraone.inputs.models.pretrained import CheckpointFiles
from loraone.inputs.models.targets import TargetLayer
from loraone.spec.model import ModelSpec


class OriginalWeights(Mapping[str, Tensor]):
    """W by layer, (out, in), float32 on the CPU, of each quantised target layer.

    What is taken from a file is what the layer is quantised from, bit for bit. One at a time is
    read; ModelError where there is none.
    """

    def __init__(self, loaded: LoadedModel, spec: ModelSpec) -> None:
        self._layers = {layer.name: layer for layer in loaded.layers if layer.quantised}
        self._spec = spec
        self._files: CheckpointFiles | None = None

    def __getitem__(self, name: str) -> Tensor:
        layer, dtype = self._layers[name], getattr(torch, self._spec.dtype)
        files = self._files = self._files or CheckpointFiles(self._spec)
        for key in files.named(f"{name}.weight"):
            weight = _turned(files.tensor(key), layer).to(dtype)
            if weight.shape == layer.shape and requantised(layer.module, weight):
                return weight.float()
        raise ModelError(
            f"no file of {self._spec.id} holds the weight that layer {name} was quantised from",
            field="model.id",
            value=self._spec.id,
            allowed="a checkpoint that is not quantised, with model.quantization nf4 or int8",
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _turned(weight: Tensor, layer: TargetLayer) -> Tensor:
    """(out, in), also of what was stored for a Conv1D, which the quantised layer is no more."""
    turned = weight.dim() == 2 and issubclass(getattr(layer.module, "source_cls", object), Conv1D)
    return weight.T.contiguous() if turned else weight
