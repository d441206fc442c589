"""Adapters of the real model, read by a process that has never heard of this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import Artifact, Finished
from loraone.run import CHECKED_TEXTS, Looker, run
from loraone.specs import ExperimentSpec, expand
from loraone.workspace import Workspace

READER = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification
base, labels, folder, batch, expected = sys.argv[1:]
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=int(labels))
model = PeftModel.from_pretrained(model, folder).eval()
with torch.no_grad():
    logits = model(**torch.load(batch, weights_only=True)).logits
error = float((logits - torch.load(expected, weights_only=True)).abs().max())
assert "loraone" not in sys.modules
print(error)
"""

METHODS: list[Any] = [
    "lora",
    {"name": "lora_one", "params": {"scale": "spectral"}},
    {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}},
    "pissa",
    {"name": "full", "learning_rates": [2e-4]},
]


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace("cpu")


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_minilm_adapters_give_the_same_logits_in_plain_peft(
    method: Any, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ExperimentSpec.model_validate(
        {
            "data": {"max_length": 24, "train_samples": 128, "eval_samples": 16},
            "gradient": {"samples": 16},
            "measure": {"held_out_samples": 16, "alignment_every": 9},
            "training": {"steps": 3, "batch_size": 8, "eval_every": 9},
            "methods": [method],
        }
    )
    seen: list[torch.Tensor] = []
    real = Looker.logits

    def spy(self: Looker, model: Any) -> torch.Tensor:
        seen.append(real(self, model))
        return seen[-1]

    monkeypatch.setattr(Looker, "logits", spy)
    events = list(run(expand(spec)[0], workspace=workspace, output=tmp_path))
    assert isinstance(events[-1], Finished), events[-1]
    artifact = next(event for event in events if isinstance(event, Artifact))
    rows = workspace.start.held_out_rows[:CHECKED_TEXTS]
    batch = workspace.prepared.train.batch(rows, torch.device("cpu"))
    torch.save({k: v for k, v in batch.items() if k != "labels"}, tmp_path / "batch.pt")
    torch.save(seen[-2], tmp_path / "expected.pt")
    loaded = workspace.prepared
    arguments = [loaded.loaded.location, len(loaded.texts.label_names), artifact.path]
    arguments += [tmp_path / "batch.pt", tmp_path / "expected.pt"]
    answer = subprocess.run(
        [sys.executable, "-c", READER, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert float(answer.stdout.split()[-1]) < 1e-4
