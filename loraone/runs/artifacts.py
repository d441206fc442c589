"""What a run writes: the adapter, read back and compared, and the directions of its change."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from loraone import adapters
from loraone.adapters.interfaces import PortableAdapter, Trainable
from loraone.errors import ExportError
from loraone.events import Artifact
from loraone.runs.evaluator import Evaluator
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec

# Logits of an exported adapter must agree to this much with the trained model's.
EXPORT_TOLERANCE = 1e-4


def write_directions(
    spec: RunSpec, workspace: Workspace, trainable: Trainable, output: Path
) -> Artifact:
    """The top-r singular triplets of every layer's total change, as ``<layer>.U``, ``.S``, ``.V``.

    With them runs are compared direction by direction, such as with full fine-tuning's.
    """
    tensors = {}
    for layer in workspace.prepared.loaded.layers:
        top = trainable.change(layer.name).top(spec.rank)
        for name, tensor in (("U", top.U), ("S", top.S), ("V", top.V)):
            tensors[f"{layer.name}.{name}"] = tensor.float().contiguous()
    output.mkdir(parents=True, exist_ok=True)
    file = output / "directions.safetensors"
    save_file(tensors, file)
    return Artifact("directions", str(file), file.stat().st_size, 0.0, True)


def write_adapter(
    spec: RunSpec,
    workspace: Workspace,
    plain: PortableAdapter,
    output: Path,
    final: torch.Tensor,
    look: Evaluator,
) -> Artifact:
    """Write the adapter, read it back with plain PEFT on the restored base, compare logits."""
    loaded = workspace.prepared.loaded
    folder = output / "adapter"
    adapters.write(plain, loaded, spec, folder)
    heads = {name: getattr(loaded.model, name) for name in loaded.heads}
    again = adapters.reload(loaded, folder)
    try:
        error = float((look.logits(again) - final).abs().max())
    finally:
        again.unload()
        for name, module in heads.items():
            setattr(loaded.model, name, module)
    workspace.restore()
    size = sum(file.stat().st_size for file in folder.iterdir())
    if not error <= EXPORT_TOLERANCE * max(1.0, float(final.abs().max())):
        raise ExportError(
            f"the adapter reads back with logits that differ by {error:.3g}; "
            f"allowed: {EXPORT_TOLERANCE:g} of the largest logit",
            value=error,
        )
    return Artifact("adapter", str(folder), size, error, True)
