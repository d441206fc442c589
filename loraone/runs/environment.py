"""What is needed to repeat a run: versions, commit, device, model revision, data fingerprint."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch

from loraone import __version__
from loraone.spec.experiment import RunSpec

if TYPE_CHECKING:
    from loraone.gradient.strategy import GradientStrategy
    from loraone.inputs.data.texts import TextData
    from loraone.inputs.models.loading import LoadedModel

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "datasets", "safetensors", "numpy")


def describe(
    spec: RunSpec,
    loaded: LoadedModel,
    texts: TextData,
    device: torch.device,
    strategy: GradientStrategy,
) -> dict[str, Any]:
    """The record that is stored with every run."""
    return machine(device) | {
        "model": spec.model.id,
        "model_revision": loaded.revision,
        "data_fingerprint": texts.fingerprint,
        "labels": list(texts.label_names),
        "train_texts": len(texts.train_texts),
        "eval_texts": len(texts.eval_texts),
        "gradient_key": spec.gradient_key(),
        "gradient_plan": strategy.as_dict(),
    }


def machine(device: torch.device) -> dict[str, Any]:
    """What is the same for every kind of run: versions, commit, device."""
    return {
        "loraone": __version__,
        "git_commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": device_name(device),
        "threads": torch.get_num_threads(),
    }


def arithmetic(device: torch.device) -> dict[str, Any]:
    """All that the last bit of a result depends on beside its inputs, as JSON data."""
    return machine(device) | {
        "code": _code(),
        "processor": platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "float32": torch.get_float32_matmul_precision(),
        "tf32": [torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32],
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "dtype": str(torch.get_default_dtype()),
    }


def device_name(device: torch.device) -> str:
    """The GPU's name, or the CPU's kind and number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


def memory_bytes(device: torch.device) -> float:
    """Most memory allocated on the GPU so far, or what this process holds now on the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(psutil.Process().memory_info().rss)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def _code() -> str:
    """SHA-256 of this package's sources: a checkout may have changes that no commit names."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _commit() -> str | None:
    """The commit of the checkout this package lies in; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
