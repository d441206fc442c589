"""What a run writes, read back and compared: the adapter, and the directions of its change."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from loraone.adapters import export
from loraone.adapters.interfaces import Layer, Measurable, PortableAdapter
from loraone.adapters.verification import (
    different_heads,
    logits_allowed,
    logits_difference,
    worst_layer,
)
from loraone.errors import ExportError
from loraone.events import Artifact, Event, Note, Number
from loraone.inputs.models.loading import LoadedModel
from loraone.measure.evaluator import Evaluator
from loraone.spec.experiment import RunSpec


@dataclass(frozen=True)
class Trained:
    """What is kept of a trained model to write it and to compare it with what is read back."""

    portable: PortableAdapter
    logits: Tensor
    responses: dict[str, Tensor]


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
    spec: RunSpec, loaded: LoadedModel, trained: Trained, output: Path, evaluator: Evaluator
) -> Generator[Event, None, dict[str, Number]]:
    """Write the adapter, read it back with plain PEFT on the restored base, compare.

    It is verified where every layer's change and every head is what was trained, in float32, and
    the logits differ by no more than rounding in the model's format explains; see
    :mod:`loraone.adapters.verification`. Otherwise a warning says what differs. Both differences
    of the logits are handed on for the run's summary.
    """
    folder = output / "adapter"
    export.write(trained.portable, loaded, spec, folder)
    heads = {name: getattr(loaded.model, name) for name in loaded.heads}
    dtype = getattr(torch, spec.model.dtype)
    again = export.reload(loaded, folder)
    try:
        difference = logits_difference(evaluator.logits(again), trained.logits)
        worst = worst_layer(again, loaded.layers, trained.responses)
        lost = different_heads(again, trained.portable)
    finally:
        again.unload()
        for name, module in heads.items():
            setattr(loaded.model, name, module)
    allowed = logits_allowed(trained.logits, dtype, len(loaded.layers))
    wrong = []
    if difference > allowed:
        wrong.append(
            f"logits that differ by {difference:.3g} where rounding in {spec.model.dtype} explains "
            f"{allowed:.3g}"
        )
    if not worst.excess <= 1:
        wrong.append(worst.said)
    if lost:
        wrong.append(f"another {' and '.join(lost)}")
    if wrong:
        yield Note(
            f"the exported adapter is not the trained one: it reads back with "
            f"{'; and with '.join(wrong)}. The run's own numbers are those of the trained model",
            warning=True,
        )
    size = sum(file.stat().st_size for file in folder.iterdir())
    yield Artifact("adapter", str(folder), size, difference, not wrong)
    return {"export_difference": difference, "export_allowed": allowed}
