"""What a worker keeps for its next run, as bytes that can be compared; and runs to keep it for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from loraone.inputs.models import loading
from loraone.measure.evaluator import Evaluator
from loraone.progress import finish
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.training.evaluation import evaluation_batch
from tests.conftest import tiny_experiment


def small_run(folder: Path, texts: Path, **changes: Any) -> RunSpec:
    """A run on two layers of each block that reads all that a start can, in a tenth of a second."""
    sections: dict[str, Any] = {
        "model": {"id": str(folder), "targets": ["query", "value"]},
        "data": {"source": str(texts), "max_length": 8, "train_samples": 24, "eval_samples": 8},
        "gradient": {"samples": 8, "micro_batch": 4, "head_warmup_steps": 2,
                     "head_learning_rate": 0.1},
        "measure": {"held_out_samples": 4, "intruders": True},
        "training": {"steps": 1, "batch_size": 4, "eval_every": 1, "warmup_steps": 0},
        "grid": {"ranks": [2], "learning_rates": [0.01]},
        "methods": ["lora_one"],
    }  # fmt: skip
    merged = {
        name: {**section, **changes.pop(name, {})} if isinstance(section, dict) else section
        for name, section in sections.items()
    }
    spec = {**tiny_experiment(folder, texts), **merged, **changes}
    return expand(ExperimentSpec.model_validate(spec))[0]


def four_columns(file: Path, animal: str = "cat") -> Path:
    """Eighty texts with two columns of text and two of labels."""
    lines = [f"a {animal} sees the {word} {i}" for i in range(40) for word in ("dog", "tree")]
    rows = [
        f"{line},{('x', 'y')[i % 2]},{line} and red,{('u', 'v', 'w')[i % 3]}"
        for i, line in enumerate(lines)
    ]
    file.write_text("\n".join(["text,label,title,kind", *rows]) + "\n")
    return file


def with_other_weights(model: Path) -> Path:
    """The model's folder, in which a weight is twice what it was."""
    tensors = load_file(model / "model.safetensors")
    (name,) = [name for name in tensors if name.endswith("layer.0.attention.self.query.weight")]
    tensors[name] = tensors[name] * 2
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    return model


def other_words(model: Path, data: Path) -> Mapping[str, Sequence[Any]]:
    """Other values of the fields that are words: what there is beside the model and the data."""
    return {
        "task": ["causal-lm"],
        "model.id": [str(model)],
        "model.targets": [("query",)],
        "data.source": [str(data)],
        "data.text_column": ["title"],
        "data.label_column": ["kind"],
        "variant": ["κ 10"],
        "method.learning_rates": [(0.1,)],
    }


def begun(spec: RunSpec, folder: Path | None = None) -> Workspace:
    """A workspace that stands at the start of ``spec``, with its triplets."""
    workspace = Workspace("cpu")
    workspace.share(folder)
    finish(workspace.prepare(spec))
    finish(workspace.take_gradient(spec))
    finish(workspace.measure_weights(spec))
    finish(workspace.decompose(spec, spec.rank))
    finish(workspace.measure_split_half_agreement(spec))
    return workspace


def content(workspace: Workspace, spec: RunSpec) -> dict[str, Any]:
    """All that is kept of the model, the data and the start of ``spec``."""
    ready, start = workspace.prepared, workspace.start
    evaluator = Evaluator(
        ready.train,
        ready.evaluation,
        start.gradient_rows,
        start.held_out_rows,
        evaluation_batch(spec.training),
        workspace.device,
    )
    parts: dict[str, Any] = {
        "texts": ready.texts.fingerprint,
        "splits": (ready.train, ready.evaluation),
        "rows": (start.gradient_rows, start.held_out_rows),
        "weights": (start.weights_hash, loading.weights_hash(ready.loaded.model)),
        "agreements": start.agreements[spec.rank],
        "untouched": workspace.untouched(evaluator).values,
        "strategy": workspace.strategy(spec).name,
        "held": workspace.strategy(spec).held,
    }
    tensors: dict[str, torch.Tensor] = {f"G/{name}": G for name, G in start.gradients.items()}
    tensors |= {f"spectrum of G/{name}": found.values for name, found in start.spectra.items()}
    for layer in ready.loaded.layers:
        name = layer.name
        top = start.decompositions[spec.rank][name]
        parts[f"scalars/{name}"] = repr((top.frobenius, top.error, top.gap))
        tensors |= {f"U/{name}": top.U, f"S/{name}": top.S, f"V/{name}": top.V}
        spectrum = start.gradient_spectrum(name, spec.rank)
        if spectrum is not None:
            tensors[f"spectrum/{name}"] = spectrum.values
            tensors[f"probes/{name}"] = spectrum.without
        tensors[f"pretrained/{name}"] = ready.pretrained[name]
        if name in ready.weight_spectra:
            tensors[f"spectrum of W/{name}"] = ready.weight_spectra[name].values
        tensors[f"left/{name}"] = workspace.left_vectors(name)
    return parts | {name: _bits(tensor) for name, tensor in tensors.items()}


def _bits(tensor: torch.Tensor) -> tuple[Any, ...]:
    flat = tensor.detach().contiguous().reshape(-1)
    return str(tensor.dtype), tuple(tensor.shape), flat.view(torch.uint8).numpy().tobytes()
