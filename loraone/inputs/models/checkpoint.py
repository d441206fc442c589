"""What a checkpoint holds, read from its headers alone: no weight is loaded, no torch imported."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from safetensors import safe_open

from loraone.errors import ModelError
from loraone.inputs.models.paths import model_location
from loraone.spec.model import ModelSpec

_BLOCK = re.compile(r"\.\d+\.")
# Matrices inside the blocks that are looked up rather than multiplied with.
_TABLES = re.compile(r"embed|relative_attention_bias|wpe|wte")


@dataclass(frozen=True)
class Checkpoint:
    """Sizes of a model: its matrices inside numbered blocks by name (out, in), and all weights."""

    layers: dict[str, tuple[int, int]]
    parameters: int

    @property
    def blocks(self) -> int:
        """How many numbered blocks its layers are in."""
        return len({name[: match.end()] for name in self.layers if (match := _BLOCK.search(name))})

    @property
    def width(self) -> int:
        """The hidden size: the most frequent side of its layers."""
        sides = [side for shape in self.layers.values() for side in shape]
        return max(set(sides), key=sides.count, default=0)

    def targets(self, spec: ModelSpec) -> list[tuple[int, int]]:
        """The shapes of the layers that ``spec.targets`` names."""
        if spec.targets == "all-linear":
            return list(self.layers.values())
        return [
            shape
            for name, shape in self.layers.items()
            if any(name == target or name.endswith(f".{target}") for target in spec.targets)
        ]


def read(spec: ModelSpec) -> Checkpoint | None:
    """The sizes of the model that ``spec`` names; None where it is not on this machine yet."""
    try:
        location, revision = model_location(spec)
    except ModelError:
        return None
    folder = Path(location)
    if not folder.is_dir():
        config = try_to_load_from_cache(location, "config.json", revision=revision)
        if not isinstance(config, str):
            return None
        folder = Path(config).parent
    stamps = tuple((str(file), file.stat().st_mtime_ns) for file in _files(folder))
    return _read(stamps) if stamps else None


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = set(json.loads(index.read_text())["weight_map"].values())
        return [folder / name for name in sorted(names) if (folder / name).is_file()]
    return sorted(folder.glob("*.safetensors"))


@lru_cache(maxsize=32)
def _read(files: tuple[tuple[str, int], ...]) -> Checkpoint:
    """Cached by the files' times: a plan is made anew with every key that somebody types."""
    layers, parameters = {}, 0
    for file, _ in files:
        with safe_open(file, framework="numpy") as opened:
            for name in opened.keys():  # noqa: SIM118
                shape = opened.get_slice(name).get_shape()
                size = 1
                for side in shape:
                    size *= side
                parameters += size
                plain = name.removesuffix(".weight")
                if len(shape) == 2 and _BLOCK.search(plain) and not _TABLES.search(plain):
                    layers[plain] = (int(shape[0]), int(shape[1]))
    return Checkpoint(layers, parameters)
