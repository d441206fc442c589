"""What comes before the first training step of a language model, and what is held for it.

``make bench-scale`` makes Llama-shaped checkpoints with random weights and measures, in one run and
each in a process of its own: a plain forward and backward pass of the gradient batch with
gradients of all weights; the official settings' decompositions on a sample of its layers; and runs
of LoRA, LoRA-One with each strategy, PiSSA and full fine-tuning by phase, with a second seed on the
warm worker. Memory is the most that a process held, above what it held once all was imported, over
the bytes of the weights. Before each part a process touches as much memory as a run will hold: a
virtual machine's first use of a page may wait for its host, up to a second for each gigabyte here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import held, peak, row

METHODS: dict[str, tuple[Any, dict[str, Any]]] = {
    "LoRA": ("lora", {}),
    "LoRA-One, accumulate": ("lora_one", {"strategy": "accumulate"}),
    "LoRA-One, layerwise": ("lora_one", {"strategy": "layerwise"}),
    "LoRA-One, sketch": ("lora_one", {"strategy": "sketch"}),
    "PiSSA": ("pissa", {}),
    "full": ("full", {}),
}
BATCH, STEPS, RANK = 8, 3, 8
# Bytes of memory that are touched before each part, of what is available half at most.
TOUCHED = min(8 * 2**30, psutil.virtual_memory().available // 2)
# Of the official settings' decompositions so many layers are timed.
SAMPLED = 2


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["0.4b:float32", "1.1b:bfloat16"])
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--folder", type=Path, help="keep the checkpoints here")
    parser.add_argument("--device", help="cpu or cuda; the GPU where there is one")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(_part(json.loads(options.part))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for model in options.models:
            shape, dtype = model.split(":")
            given = {"shape": shape, "dtype": dtype, "folder": str(folder)}
            _table(given | {"device": options.device}, options.methods)


def _table(given: dict[str, Any], methods: list[str]) -> None:
    _call(given | {"what": "checkpoint"})
    plain = _call(given | {"what": "plain"})
    print(
        f"\n### {given['shape']} in {given['dtype']} on {plain['device']}: "
        f"{plain['weights'] / 1e9:.2f} GB of weights; a plain forward and backward pass of "
        f"{BATCH} texts takes {plain['seconds']:.1f} s and {plain['memory']:.2f} × the weights, "
        f"the official decompositions of all layers {plain['official']:.0f} s\n"
    )
    columns = "before step 1|over the pass|second seed|evaluation|training|after|memory"
    row("run", *columns.split("|"), "phases (s)")
    row(*["---"] * 9)
    for name in methods:
        found = _call(given | {"what": "run", "method": name})
        first, second = found["seeds"]
        before = first["before"]
        phases = ", ".join(f"{k} {v:.1f}" for k, v in first["phases"].items() if v >= 0.05)
        row(
            name,
            f"{before:.1f}",
            f"{before / plain['seconds']:.2f}",
            f"{second['before'] / plain['seconds']:.2f}",
            f"{first['phases'].get('evaluation', 0.0):.1f}",
            f"{first['phases'].get('train', 0.0):.1f}",
            f"{first['after']:.1f}",
            f"{found['memory'] / plain['weights']:.2f}",
            phases,
        )


def _call(given: dict[str, Any]) -> dict[str, Any]:
    """One part in a process of its own, whose memory is its own."""
    touched = "import torch, sys; torch.zeros(int(sys.argv[1]) // 4).add_(1)"
    subprocess.run([sys.executable, "-c", touched, str(TOUCHED)], check=True)
    command = [sys.executable, "-m", "benchmarks.scale", "--part", json.dumps(given)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _part(given: dict[str, Any]) -> dict[str, Any]:
    import torch

    from benchmarks.scale_models import checkpoint, texts

    folder = Path(given["folder"])
    model = checkpoint(given["shape"], given["dtype"], folder)
    if given["what"] == "checkpoint":
        return {}
    name = given["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if given["what"] == "plain":
        return _plain(model, given["dtype"], device)
    return _run(model, texts(folder), given, device)


def _plain(folder: Path, dtype: str, device: Any) -> dict[str, Any]:
    """Seconds and memory of a forward and backward pass, the median of three, as full fine-tuning
    has it; and the official decompositions of all layers, from a sample of them."""
    import torch
    import transformers

    from benchmarks.scale_models import TOKENS, VOCABULARY
    from loraone.runs.environment import device_name

    before = held(device)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype)
    ).to(device)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    ids = torch.randint(3, VOCABULARY, (BATCH, TOKENS)).to(device)
    taken = []
    for _ in range(4):
        model.zero_grad()
        began = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    memory = peak(device) - before
    linear = [
        m.weight.grad
        for n, m in model.named_modules()
        if isinstance(m, torch.nn.Linear) and ".layers." in n
    ]
    step = max(1, len(linear) // SAMPLED)
    sample = linear[::step][:SAMPLED]
    began = time.perf_counter()
    for gradient in sample:
        torch.svd_lowrank(gradient.float(), q=min(512, *gradient.shape), niter=16)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    size = sum(g.numel() for g in linear) / sum(g.numel() for g in sample)
    official = (time.perf_counter() - began) * size
    return {
        "seconds": statistics.median(taken[1:]),
        "memory": memory / weights,
        "weights": weights,
        "device": device_name(device),
        "official": official,
    }


def _run(model: Path, texts: Path, given: dict[str, Any], device: Any) -> dict[str, Any]:
    """Two runs that differ by their seed, on one warm worker."""
    import logging

    import peft  # noqa: F401  (what is imported is not what a run holds)
    import transformers

    from loraone.runs.workspace import Workspace

    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    before = held(device)
    workspace = Workspace(device.type)
    found = []
    with tempfile.TemporaryDirectory() as home:
        workspace.share(Path(home) / "shared")
        for seed in (0, 1):
            spec = _spec(model, texts, given, seed)
            found.append(_by_phase(spec, workspace, Path(home) / f"run-{seed}"))
    return {"seeds": found, "memory": peak(device) - before}


def _spec(model: Path, texts: Path, given: dict[str, Any], seed: int) -> Any:
    from loraone.spec.experiment import ExperimentSpec, expand

    method, gradient = METHODS[given["method"]]
    experiment = {
        "name": "scale",
        "task": "causal-lm",
        "model": {"id": str(model), "dtype": given["dtype"]},
        "data": {
            "source": str(texts),
            "text_column": "text",
            "max_length": 64,
            "train_samples": 48,
            "eval_samples": BATCH,
        },
        "gradient": {"samples": BATCH, "micro_batch": BATCH, **gradient},
        "measure": {"held_out_samples": BATCH},
        "training": {"steps": STEPS, "batch_size": 4, "warmup_steps": 1, "eval_every": STEPS},
        "methods": [method],
        "grid": {"ranks": [RANK], "learning_rates": [1e-4], "seeds": [seed]},
    }
    return expand(ExperimentSpec.model_validate(experiment))[0]


def _by_phase(spec: Any, workspace: Any, output: Path) -> dict[str, Any]:
    """Seconds from one event to the next, counted to the phase that the run was in.

    The evaluation of the evaluation split at step 0 is told apart: it is what training begins with.
    """
    from loraone.events import Failed, InitReport, Metric, Progress
    from loraone.runs.run import run

    phases: dict[str, float] = {}
    phase, at = "start", time.perf_counter()
    for event in run(spec, workspace=workspace, output=output):
        now = time.perf_counter()
        if isinstance(event, Failed):
            raise RuntimeError(event)
        step = event.step if isinstance(event, Metric) else None
        took = "evaluation" if step == 0 else "train" if step else phase
        phases[took] = phases.get(took, 0.0) + now - at
        at = now
        if isinstance(event, Progress):
            phase = event.phase if event.phase != "train" or event.done < STEPS else "measure"
        elif isinstance(event, InitReport):
            phase = "overlaps"
    late = ("train", "evaluation", "measure", "export")
    before = sum(taken for name, taken in phases.items() if name not in late)
    return {
        "phases": phases,
        "before": before,
        "after": sum(phases.get(name, 0.0) for name in ("measure", "export")),
    }


if __name__ == "__main__":
    main()
