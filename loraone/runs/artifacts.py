"""What a run writes, read back and compared: the adapter, and the directions of its change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loraone.adapters import export
from loraone.adapters.interfaces import Layer, Measurable, PortableAdapter
from loraone.errors import ExportError
from loraone.events import Artifact
from loraone.inputs.models.loading import LoadedModel
from loraone.measure.evaluator import Evaluator
from loraone.spec.experiment import RunSpec

# Logits of an exported adapter must agree to this much with the trained model's.
EXPORT_TOLERANCE = 1e-4


def write_directions(
    trained: Measurable, layers: Sequence[Layer], rank: int, output: Path
) -> Artifact:
    """The top-r singular triplets of every layer's total change, as ``<layer>.U``, ``.S``, ``.V``.

    With them runs are compared direction by direction, such as with full fine-tuning's. Raises
    ExportError where the file does not hold every bit of them.
    """
    tensors = {}
    for layer in layers:
        top = trained.change(layer.name).top(rank)
        for name, tensor in (("U", top.U), ("S", top.S), ("V", top.V)):
            tensors[f"{layer.name}.{name}"] = tensor.float().contiguous()
    output.mkdir(parents=True, exist_ok=True)
    file = output / "directions.safetensors"
    save_file(tensors, file)
    again = load_file(file)
    different = [name for name, tensor in tensors.items() if not _same_bits(tensor, again, name)]
    if different:
        raise ExportError(
            f"{file.name} does not read back what was written of {', '.join(different)}",
            value=len(different),
            hint="the disk may be full or failing",
        )
    return Artifact("directions", str(file), file.stat().st_size, 0.0, True)


def _same_bits(tensor: Tensor, again: dict[str, Tensor], name: str) -> bool:
    """Also of what is not a number."""
    bits = tensor.cpu().view(torch.int32)
    return name in again and torch.equal(bits, again[name].view(torch.int32))


def write_adapter(
    spec: RunSpec,
    loaded: LoadedModel,
    portable: PortableAdapter,
    output: Path,
    final: Tensor,
    evaluator: Evaluator,
) -> Artifact:
    """Write the adapter, read it back with plain PEFT on the restored base, compare logits.

    Raises ExportError where they are not ``final``, to a ten-thousandth of the largest.
    """
    folder = output / "adapter"
    export.write(portable, loaded, spec, folder)
    heads = {name: getattr(loaded.model, name) for name in loaded.heads}
    again = export.reload(loaded, folder)
    try:
        error = float((evaluator.logits(again) - final).abs().max())
    finally:
        again.unload()
        for name, module in heads.items():
            setattr(loaded.model, name, module)
    size = sum(file.stat().st_size for file in folder.iterdir())
    if not error <= EXPORT_TOLERANCE * max(1.0, float(final.abs().max())):
        raise ExportError(
            f"the adapter reads back with logits that differ by {error:.3g}; "
            f"allowed: {EXPORT_TOLERANCE:g} of the largest logit",
            value=error,
        )
    return Artifact("adapter", str(folder), size, error, True)
