"""What tests of one method share: a problem of one layer, and runs on the tiny models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from loraone.catalog import METHODS, resolve
from loraone.events import Artifact, Failed, Finished
from loraone.inputs.models import loading
from loraone.linalg.svd import truncated_svd
from loraone.measure.evaluator import CHECKED_TEXTS, Evaluator
from loraone.methods.base import Initialisation, InitProblem
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.training import evaluation

CPU = torch.device("cpu")
ARCHITECTURES = ["bert", "gpt2", "llama", "t5"]
# An embedding and a linear layer of each architecture; gpt2's and t5's embedding is tied.
EMBEDDINGS = {
    "bert": ["word_embeddings", "query"],
    "gpt2": ["wte", "c_attn"],
    "llama": ["embed_tokens", "q_proj"],
    "t5": ["embed_tokens", "SelfAttention.q"],
}
TIED = ("gpt2", "t5")


def drawn(m: int, n: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A matrix whose singular values are distinct: 0.8 apart, in random directions."""
    draw = torch.Generator().manual_seed(seed)
    k = min(m, n)
    left, right = (
        torch.linalg.qr(torch.randn(rows, k, generator=draw, dtype=torch.float64))[0]
        for rows in (m, n)
    )
    return (left * 0.8 ** torch.arange(float(k), dtype=torch.float64) @ right.T).to(dtype)


def initialised(
    method: str, W: torch.Tensor, r: int, s: float, params: Mapping[str, Any] | None = None
) -> Initialisation:
    """What the method's own function makes of one layer."""
    row = METHODS[method]
    problem = InitProblem(
        gradients={"layer": truncated_svd(torch.zeros_like(W), r)},
        rank=r,
        scaling=s,
        generator=torch.Generator().manual_seed(0),
        held_out_loss=lambda factors: 0.0,
        weights={"layer": W},
    )
    assert row.initialise is not None
    initialisation: Initialisation = resolve(row.initialise)(
        problem, row.params.model_validate(params or {})
    )
    return initialisation


def trained_and_reloaded(
    spec: RunSpec, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Any], torch.Tensor, torch.Tensor]:
    """A run's events, its last logits, and those of its adapter in plain PEFT on a fresh base."""
    seen: list[tuple[Any, torch.Tensor]] = []
    real, at_first = Evaluator.logits, Evaluator.held_out

    def spy(self: Evaluator, model: Any) -> torch.Tensor:
        seen.append((model, real(self, model)))
        return seen[-1][1]

    def spy_at_first(self: Evaluator, model: Any) -> Any:
        found = at_first(self, model)
        seen.append((model, found.logits))
        return found

    monkeypatch.setattr(Evaluator, "logits", spy)
    monkeypatch.setattr(Evaluator, "held_out", spy_at_first)
    workspace = Workspace("cpu")
    events: list[Any] = list(run(spec, workspace=workspace, output=folder))
    assert isinstance(events[-1], Finished), events[-1]
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    (_, original), (own, trained), (again, reloaded) = seen[0], seen[-2], seen[-1]
    # Read back: by another model than the trained one, from the file, before it was called good.
    assert isinstance(again, PeftModel)
    assert again is not own
    assert artifact.verified
    assert artifact.max_error == float((reloaded - trained).abs().max())
    assert float((trained - original).abs().max()) > 1e-3, "training must have changed something"
    # A fresh copy of the base, and nothing of ours.
    labels = len(workspace.prepared.texts.label_names)
    fresh = loading.load(spec.model, spec.task, labels, CPU)
    plain = PeftModel.from_pretrained(fresh.model, artifact.path).eval()
    rows = workspace.start.held_out_rows[:CHECKED_TEXTS]
    size = evaluation.evaluation_batch(spec.training)
    return events, trained, evaluation.logits(plain, workspace.prepared.train, rows, size, CPU)


def refused(spec: RunSpec, folder: Path | None = None) -> Failed:
    """How a run that cannot be ends."""
    last = list(run(spec, workspace=Workspace("cpu"), output=folder))[-1]
    assert isinstance(last, Failed), last
    return last
