"""All singular values of a model's pretrained weights: computed once, whoever asks for them.

They depend on the weight alone, not on seed, data or method. With a folder they are kept for all
workers and users, under the digest of the weight's bytes.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from loraone.events import Progress
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.spectra import singular_values
from loraone.progress import Steps
from loraone.runs.prepared import Prepared

log = logging.getLogger(__name__)


def measure_weights(ready: Prepared, folder: Path | None) -> Steps[None]:
    """Have ``ready.weight_spectra`` of every target layer: as they are kept, or computed."""
    layers = ready.loaded.layers
    for done, layer in enumerate(layers):
        if layer.name in ready.weight_spectra:
            continue
        file = (
            None if folder is None else folder / _name(layer, ready.pretrained.digest(layer.name))
        )
        values = None if file is None else _read(file, min(layer.shape))
        if values is None:
            yield Progress("spectra", done, len(layers), layer.name)
            values = singular_values(ready.pretrained[layer.name])
            if file is not None:
                _write(file, values)
        ready.weight_spectra[layer.name] = values


def _name(layer: TargetLayer, digest: str) -> str:
    """The same bytes are another matrix in another shape or format."""
    rows, columns = layer.parameter.shape
    format = str(layer.parameter.dtype).removeprefix("torch.")
    return f"weight-{digest[:32]}-{rows}-{columns}-{format}.safetensors"


def _read(file: Path, count: int) -> Tensor | None:
    """None of what is not there, or cannot be what was written."""
    if not file.is_file():
        return None
    try:
        values = load_file(file)["values"]
        os.utime(file)  # what is used stays
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        log.warning("%s cannot be read and is computed anew: %s", file.name, error)
        return None
    whole = values.shape == (count,) and bool(values.isfinite().all())
    return values if whole else None


def _write(file: Path, values: Tensor) -> None:
    """Whole or not at all; where there is no space others compute it too."""
    new = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({"values": values.cpu().contiguous()}, new)
        new.replace(file)
    except (SafetensorError, OSError) as error:
        log.warning("%s could not be kept: %s", file.name, error)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
