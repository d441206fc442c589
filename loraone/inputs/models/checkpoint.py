"""What a checkpoint holds, read from its headers alone: no weight is loaded, no torch imported."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open

from loraone.errors import ModelError
from loraone.inputs.models import experts
from loraone.inputs.models.folder import CONFIG, weight_files
from loraone.inputs.models.json_files import read_json
from loraone.inputs.models.location import local_folder
from loraone.inputs.models.quantised_headers import QuantisedHeaders
from loraone.inputs.models.stamps import FileStamp, stamp
from loraone.spec.model import ModelSpec

_BLOCK = re.compile(r"\.\d+\.")
# Matrices that are looked up rather than multiplied with.
_TABLES = re.compile(r"embed|relative_attention_bias|wpe|wte")


@dataclass(frozen=True)
class StoredMatrix:
    """A two-dimensional weight as it is stored: what is known of a layer without its module."""

    name: str
    shape: tuple[int, int]
    embedding: bool
    conv1d: bool = False
    tied_to: str | None = None
    quantised: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Sizes of a model: its matrices inside numbered blocks by name (out, in), and all weights.

    ``experts`` are those of the experts, which are no linear layers; a token goes through the share
    ``active`` of them. ``shapes`` are those of all tensors, as they are stored; of a weight that is
    stored quantised, those of the matrix that it stands for. ``packed`` are the bytes of such, with
    what they are read by.
    """

    layers: dict[str, tuple[int, int]]
    parameters: int
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    packed: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    experts: dict[str, tuple[int, int]] = field(default_factory=dict)
    active: float = 1.0

    @property
    def multiplied(self) -> float:
        """How many weights a token is multiplied with in the blocks."""
        return _entries(self.layers) + self.active * self.expert_weights

    @property
    def expert_weights(self) -> int:
        """How many weights all experts have."""
        return _entries(self.experts)

    @property
    def blocks(self) -> int:
        """How many numbered blocks its layers are in."""
        return len({name[: match.end()] for name in self.layers if (match := _BLOCK.search(name))})

    @property
    def width(self) -> int:
        """The hidden size: the most frequent side of its layers."""
        sides = [side for shape in self.layers.values() for side in shape]
        return max(set(sides), key=sides.count, default=0)

    @property
    def matrices(self) -> list[StoredMatrix]:
        """All weights of two dimensions, without ``.weight`` in their names."""
        return [
            StoredMatrix(
                plain,
                (shape[0], shape[1]),
                embedding=bool(_TABLES.search(plain)),
                quantised=plain in self.packed,
            )
            for name, shape in self.shapes.items()
            if len(shape) == 2 and (plain := name.removesuffix(".weight")) != name
        ]

    def targets(self, spec: ModelSpec) -> list[tuple[int, int]]:
        """The shapes of the layers that ``spec.targets`` names, and of the experts if asked for."""
        of_experts = list(self.experts.values()) if spec.target_parameters == "experts" else []
        if spec.targets == "all-linear":
            return [shape for shape in self.layers.values() if shape[0] > 1] + of_experts
        return [
            shape
            for name, shape in self.layers.items()
            if any(is_named(name, target) for target in spec.targets)
        ] + of_experts


def _entries(shapes: Mapping[str, tuple[int, int]]) -> int:
    return sum(rows * columns for rows, columns in shapes.values())


def is_named(name: str, target: str) -> bool:
    """Whether a stored name can be that of the layer ``target``: whole, or either the end of the
    other, as a checkpoint may be without the prefix that its model has in a task."""
    return name == target or name.endswith(f".{target}") or target.endswith(f".{name}")


def read(spec: ModelSpec) -> Checkpoint | None:
    """The sizes of the model that ``spec`` names; None where it is not on this machine yet, or
    cannot be read."""
    try:
        folder = local_folder(spec)
        return None if folder is None else read_folder(folder, spec.id)
    except (ModelError, OSError, ValueError, SafetensorError):
        return None


def read_folder(folder: Path, name: str) -> Checkpoint:
    """The sizes of the model in ``folder``. Raises ModelError where weights are missing."""
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} holds no JSON object")
    files = weight_files(folder, name, config)
    sizes = _read(tuple(stamp(file) for file in files))
    return replace(sizes, active=experts.active_share(sizes.experts, config))


@lru_cache(maxsize=32)
def _read(files: Sequence[FileStamp]) -> Checkpoint:
    """Cached by the files' stamps: a plan is made anew with every key that somebody types."""
    shapes, quantised = {}, QuantisedHeaders()
    for file, *_ in files:
        with safe_open(file, framework="numpy") as opened:
            for name in opened.keys():  # noqa: SIM118
                if not quantised.take(name, opened):
                    header = opened.get_slice(name)
                    shapes[name] = tuple(int(side) for side in header.get_shape())
    packed = quantised.settle(shapes)
    of_experts = experts.stored(shapes)
    layers, others = {}, experts.others_of_mixtures(shapes, of_experts)
    for name, shape in shapes.items():
        plain = name.removesuffix(".weight")
        matrix = len(shape) == 2 and name not in others
        if matrix and _BLOCK.search(plain) and not _TABLES.search(plain):
            layers[plain] = (shape[0], shape[1])
    parameters = sum(math.prod(shape) for shape in shapes.values())
    return Checkpoint(layers, parameters, shapes, packed, of_experts)
