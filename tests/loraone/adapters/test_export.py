"""Adapters of the real model, read by a process that has never heard of this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.catalog import METHODS
from loraone.events import Finished, Spectra
from loraone.measure.evaluator import CHECKED_TEXTS, Evaluator
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import ExperimentSpec, expand
from tests.sampling import sample

READER = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification
base, labels, batch, *folders = sys.argv[1:]
errors = []
for folder in folders:
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=int(labels))
    model = PeftModel.from_pretrained(model, folder + "/adapter").eval()
    with torch.no_grad():
        logits = model(**torch.load(batch, weights_only=True)).logits
    expected = torch.load(folder + "/expected.pt", weights_only=True)
    errors.append(float((logits - expected).abs().max()))
assert "loraone" not in sys.modules
print(json.dumps(errors))
"""

CASES: list[Any] = [
    *METHODS,
    {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}},
]


def experiment(method: Any, **adapter: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(
        {
            "data": {"max_length": 24, "train_samples": 128, "eval_samples": 16},
            "gradient": {"samples": 16},
            "adapter": adapter,
            "measure": {"held_out_samples": 16, "alignment_every": 9},
            "training": {"steps": 3, "batch_size": 8, "eval_every": 9},
            "methods": [method],
        }
    )


def test_minilm_adapters_of_every_method_give_the_same_logits_in_plain_peft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace("cpu")
    seen: list[torch.Tensor] = []
    real = Evaluator.logits

    def spy(self: Evaluator, model: Any) -> torch.Tensor:
        seen.append(real(self, model))
        return seen[-1]

    monkeypatch.setattr(Evaluator, "logits", spy)
    folders = []
    chosen = {str(case): experiment(case) for case in sample(CASES, 4)}
    chosen["dora"] = experiment("lora_one", dora=True)
    for i, spec in enumerate(chosen.values()):
        folder = tmp_path / str(i)
        events = list(run(expand(spec)[0], workspace=workspace, output=folder))
        assert isinstance(events[-1], Finished), (spec.methods, events[-1])
        quantities = {event.quantity for event in events if isinstance(event, Spectra)}
        assert {"gradient", "weight", "update", "change"} <= quantities
        torch.save(seen[-2], folder / "expected.pt")
        folders.append(str(folder))
    loaded = workspace.prepared
    rows = workspace.start.held_out_rows[:CHECKED_TEXTS]
    batch = loaded.train.batch(rows, torch.device("cpu"))
    file = tmp_path / "batch.pt"
    torch.save({k: v for k, v in batch.items() if k != "labels"}, file)
    arguments = [loaded.loaded.location, len(loaded.texts.label_names), file, *folders]
    answer = subprocess.run(
        [sys.executable, "-c", READER, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    errors = dict(zip(chosen, json.loads(answer.stdout.splitlines()[-1]), strict=True))
    assert {name: error for name, error in errors.items() if error >= 1e-4} == {}
