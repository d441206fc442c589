"""The initialisation against the official settings and PEFT's, measured in one run.

``make bench`` prints two tables: the decomposition alone, on one Llama-shaped block and on MiniLM's
36 real gradients, and the whole initialisation (gradient and decomposition) on MiniLM.

Official settings are those of github YuanheZ/LoRA-One: all parameters' gradients kept on the CPU,
``torch.svd_lowrank(q=512, niter=16)``. PEFT's are those of its LoRA-GA: ``q=4r, niter=4``.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import torch
from peft import LoraConfig, LoraGAConfig, get_peft_model
from peft.tuners.lora.loraga import preprocess_loraga
from torch import Tensor

from benchmarks.measuring import peak_above, row, timed
from loraone.gradient.exact import one_step_gradient
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.inputs.data import batches
from loraone.inputs.data.texts import load as load_texts
from loraone.inputs.models import loading
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.runs.environment import device_name
from loraone.spec.data import DataSpec
from loraone.spec.model import ModelSpec

R = 8
SAMPLES = 64
CPU = torch.device("cpu")
Triplets = tuple[Tensor, Tensor, Tensor]


def ours(G: Tensor) -> Triplets:
    top = truncated_svd(G, R)
    return top.U, top.S, top.V


def official(G: Tensor) -> Triplets:
    U, S, V = torch.svd_lowrank(G, q=min(512, *G.shape), niter=16)
    return U[:, :R], S[:R], V[:, :R]


def pefts(G: Tensor) -> Triplets:
    U, S, V = torch.svd_lowrank(G, q=min(4 * R, *G.shape), niter=4)
    return U[:, :R], S[:R], V[:, :R]


def exact(G: Tensor) -> Triplets:
    U, S, Vh = torch.linalg.svd(G, full_matrices=False)
    return U[:, :R], S[:R], Vh[:R].T


WAYS: dict[str, Callable[[Tensor], Triplets]] = {
    "ours (block Krylov)": ours,
    "official: svd_lowrank(q=512, niter=16)": official,
    "torch.linalg.svd": exact,
    "PEFT's LoRA-GA: q=4r, niter=4": pefts,
}


def slow_spectrum(m: int, n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A matrix with σ_i = i^-0.5, and those values."""
    draw = torch.Generator().manual_seed(0)
    values = 1 / torch.arange(1, n + 1) ** 0.5
    left = torch.linalg.qr(torch.randn(m, n, generator=draw).to(device))[0]
    right = torch.linalg.qr(torch.randn(n, n, generator=draw).to(device))[0]
    return left * values.to(device) @ right.T, values.double()


def error(G: Tensor, triplets: Triplets, values: Tensor) -> float:
    """``‖G − Ĝ_r‖_F / ‖G − G_r‖_F − 1``."""
    U, S, V = (part.double().cpu() for part in triplets)
    left = torch.linalg.norm(G.double().cpu() - U * S @ V.T)
    best = torch.sqrt((values[R:] ** 2).sum())
    return float(left / best) - 1


def decomposition(
    title: str, matrices: list[tuple[Tensor, Tensor]], repeats: int, device: torch.device
) -> None:
    """Time, ratio to the official settings, and worst error over the matrices."""
    print(f"\n### Decomposition: {title}, r = {R}\n")
    row("way", "time (s)", "official / this", "worst error")
    row("---", "---", "---", "---")
    measured = {}
    for name, way in WAYS.items():
        slow = name.startswith(("official", "torch")) and matrices[0][0].numel() > 1e7
        count = 1 if slow else repeats
        seconds, of_all = timed(lambda way=way: [way(G) for G, _ in matrices], count, device)
        worst = max(
            error(G, triplets, S) for (G, S), triplets in zip(matrices, of_all, strict=True)
        )
        measured[name] = (seconds, worst)
    base = measured["official: svd_lowrank(q=512, niter=16)"][0]
    for name, (seconds, worst) in measured.items():
        row(name, f"{seconds:.3g}", f"{base / seconds:.1f}", f"{worst:.1e}")


def minilm(device: torch.device) -> tuple[loading.LoadedModel, list[batches.Batch]]:
    """MiniLM as a classifier of docstrings, with its gradient batch in micro-batches of 16."""
    texts = load_texts(DataSpec(), labelled=True)
    loaded = loading.load(ModelSpec(), "sequence-classification", len(texts.label_names), device)
    loading.reset_head(loaded, 0)
    encoded = batches.encode(loaded.tokenizer, texts.train_texts, texts.train_labels, 64, False)
    rows = batches.shuffled(len(encoded), 0, "gradient batch")[:SAMPLES]
    return loaded, list(encoded.batches(rows, 16, device))


def one_batch(parts: list[batches.Batch]) -> batches.Batch:
    """All micro-batches as one."""
    width = max(part["input_ids"].shape[1] for part in parts)
    pad = torch.nn.functional.pad
    return {
        key: torch.cat(
            [
                pad(part[key], (0, width - part[key].shape[1]))
                if part[key].dim() == 2
                else part[key]
                for part in parts
            ]
        )
        for key in parts[0]
    }


def whole_init(device: torch.device, repeats: int) -> None:
    """Gradient and decomposition of all 36 layers, and the bytes held for gradients at the peak.

    What is held for gradients is arithmetic on shapes (float32); the peak is a reading and has the
    activations in it. The error is the worst of all layers, to the exact gradient; PEFT's and the
    official code's are those of other gradients (mean of means, train mode) and are left out.
    """
    loaded, parts = minilm(device)
    layers, model = loaded.layers, loaded.model
    together = one_batch(parts)
    targets = sum(layer.parameter.numel() for layer in layers)
    everything = sum(parameter.numel() for parameter in model.parameters())
    largest = max(layer.parameter.numel() for layer in layers)
    width = R + 16
    sketched = sum(sum(layer.shape) * width for layer in layers)

    def accumulate() -> dict[str, Decomposition]:
        gradients, _ = one_step_gradient(model, layers, parts)
        return {name: truncated_svd(G, R) for name, G in gradients.items()}

    def as_official() -> None:
        model.train()
        model.requires_grad_(True)
        held: dict[str, Tensor] = {}
        for part in parts:
            model.zero_grad()
            model(**part).loss.backward()
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    kept = held.get(name)
                    grad = parameter.grad.detach().cpu() / len(parts)
                    held[name] = grad if kept is None else kept + grad
        model.zero_grad(set_to_none=True)
        model.eval()
        for layer in layers:
            official(held[f"{layer.name}.weight"].to(device))

    def as_peft() -> None:
        config = LoraConfig(
            r=R,
            target_modules=[layer.name for layer in layers],
            init_lora_weights="lora_ga",
            lora_ga_config=LoraGAConfig(),
        )

        def train_step() -> None:
            for part in parts:
                (model(**part).loss / len(parts)).backward()

        preprocess_loraga(model, config, train_step)
        get_peft_model(model, config).unload()

    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "ours, accumulate": (accumulate, targets * 4),
        "ours, layerwise (one batch of 64)": (
            lambda: layerwise(model, layers, together, lambda _, G: truncated_svd(G, R)),
            largest * 4,
        ),
        "ours, sketch (4 passes)": (lambda: sketch(model, layers, parts, R), sketched * 4),
        "official: all gradients kept": (as_official, everything * 4),
        "PEFT: preprocess_loraga + get_peft_model": (as_peft, targets * 4),
    }
    print(f"\n### Whole initialisation: MiniLM, {len(layers)} layers, {SAMPLES} texts\n")
    saved_by = "official / this"
    row("way", "time (s)", saved_by, "held for gradients", saved_by, "peak memory", "worst error")
    row(*["---"] * 7)
    exact, _ = one_step_gradient(model, layers, parts)
    spectra = {name: torch.linalg.svdvals(G.double()) for name, G in exact.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured = {
            name: (*timed(action, repeats, device), held, peak_above(action, device))
            for name, (action, held) in ways.items()
        }
    base_time, _, base_held, _ = measured["official: all gradients kept"]
    for name, (seconds, of_layers, held, peak) in measured.items():
        worst = "–"
        if of_layers is not None:
            parts_of = {key: (top.U, top.S, top.V) for key, top in of_layers.items()}
            errors = [error(exact[key], parts_of[key], spectra[key]) for key in exact]
            worst = f"{max(errors):.1e}"
        row(
            name,
            f"{seconds:.3g}",
            f"{base_time / seconds:.1f}",
            f"{held / 1e6:.1f} MB",
            f"{base_held / held:.0f}",
            f"{peak / 1e6:.0f} MB",
            worst,
        )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["decomposition", "init"], help="one of the two parts")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"{device_name(device)}; torch {torch.__version__}; medians of {options.repeats}")
    if options.only != "init":
        decompositions(device, options.repeats)
    if options.only != "decomposition":
        whole_init(device, options.repeats)


def decompositions(device: torch.device, repeats: int) -> None:
    """On one large synthetic matrix, and on real gradients."""
    decomposition(
        "one Llama block, 11008 × 4096, slow spectrum",
        [slow_spectrum(11008, 4096, device)],
        repeats,
        device,
    )
    loaded, parts = minilm(device)
    gradients, _ = one_step_gradient(loaded.model, loaded.layers, parts)
    decomposition(
        f"MiniLM's {len(gradients)} gradients of {SAMPLES} texts",
        [(G.to(device), torch.linalg.svdvals(G.double())) for G in gradients.values()],
        repeats,
        device,
    )


if __name__ == "__main__":
    main()
