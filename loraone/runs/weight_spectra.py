"""The singular values of a model's pretrained weights: computed once, whoever asks for them.

They depend on the weight alone, not on seed, data or method. With a folder they are kept for all
workers and users, under the digest of the weight's bytes.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from loraone.events import Progress
from loraone.gradient.sharing import write
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.density import estimated_spectrum
from loraone.linalg.sizes import TOP_OF_WEIGHT, VERSION
from loraone.linalg.spectra import Spectrum, singular_values
from loraone.linalg.svd import top_values
from loraone.progress import Steps
from loraone.runs.prepared import Prepared
from loraone.spec.measure import SpectraKnown, whole_weight

log = logging.getLogger(__name__)


def measure_weights(ready: Prepared, folder: Path | None, known: SpectraKnown) -> Steps[None]:
    """Have ``ready.weight_spectra`` of every target layer: as they are kept, or computed."""
    if known == "top":
        return
    layers = ready.loaded.layers
    for done, layer in enumerate(layers):
        side = min(layer.shape)
        top = side if whole_weight(known, side) else min(TOP_OF_WEIGHT, side)
        before = ready.weight_spectra.get(layer.name)
        if before is not None and before.known == top:
            continue
        digest = ready.pretrained.digest(layer.name)
        file = None if folder is None else folder / _name(layer, digest, top)
        found = None if file is None else _read(file, min(layer.shape), top)
        if found is None:
            yield Progress("spectra", done, len(layers), layer.name)
            found = _computed(ready.pretrained[layer.name], top)
            if file is not None:
                _write(file, found)
        ready.weight_spectra[layer.name] = found


def _computed(weight: Tensor, top: int) -> Spectrum:
    if top == min(weight.shape):
        return Spectrum.whole(singular_values(weight).cpu())
    return estimated_spectrum(weight, top_values(weight, top))


def _name(layer: TargetLayer, digest: str, top: int) -> str:
    """The same bytes are another matrix in another shape or format."""
    rows, columns = layer.stored.shape
    format = str(layer.parameter.dtype).removeprefix("torch.")
    estimated = "" if top == min(layer.shape) else f"-top{top}-{VERSION}"
    expert = "" if layer.expert is None else f"-{layer.expert}"  # the digest is that of all
    return f"weight-{digest[:32]}-{rows}-{columns}-{format}{expert}{estimated}.safetensors"


def _read(file: Path, count: int, top: int) -> Spectrum | None:
    """None of what is not there, or cannot be what was written."""
    if not file.is_file():
        return None
    try:
        tensors = load_file(file)
        os.utime(file)  # what is used stays
        values = tensors["values"]
        without = values.new_empty(0, count) if top == count else tensors["without"]
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        log.warning("%s cannot be read and is computed anew: %s", file.name, error)
        return None
    finite = bool(values.isfinite().all() and without.isfinite().all())
    fits = values.shape == (count,) and without.shape[1:] == (count,)
    return Spectrum(values, top, without) if finite and fits else None


def _write(file: Path, spectrum: Spectrum) -> None:
    tensors = {"values": spectrum.values.contiguous()}
    if not spectrum.is_whole:
        tensors["without"] = spectrum.without.contiguous()
    write(file, tensors)
