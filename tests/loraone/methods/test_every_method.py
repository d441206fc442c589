"""Every row of the catalogue on every architecture: init, steps, spectra, export, plain PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from loraone.catalog import METHODS
from loraone.events import (
    Alignment,
    Artifact,
    Failed,
    Finished,
    InitReport,
    Layers,
    Metric,
    Spectra,
)
from loraone.measure.evaluator import CHECKED_TEXTS, Evaluator
from loraone.models import loading
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.training import evaluation
from tests.conftest import tiny_run

CPU = torch.device("cpu")
CASES: list[Any] = [
    *METHODS,
    {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}},
    {"name": "lora_one", "params": {"scale": "squared", "gamma": 0.01}},
    {"name": "random_matched", "params": {"scale": "gradient", "gamma": "auto"}},
    {"name": "eva", "params": {"rho": 1}},
    {"name": "corda", "params": {"mode": "kpm"}},
    {"name": "loftq", "params": {"iterations": 1}},
    {"name": "lora_sb", "params": {"eta": 0.01}},
]
_NO_DORA = [row.name for row in METHODS.values() if row.trains not in ("adapter", "all")]
EMBEDDINGS = {
    "bert": ["word_embeddings", "query"],
    "gpt2": ["wte", "c_attn"],
    "llama": ["embed_tokens", "q_proj"],
    "t5": ["embed_tokens", "SelfAttention.q"],
}


def follow(
    spec: RunSpec, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Any], torch.Tensor, torch.Tensor]:
    """A run's events, the logits before it, and the most that plain PEFT's differ at its end."""
    seen: list[torch.Tensor] = []
    real = Evaluator.logits

    def spy(self: Evaluator, model: Any) -> torch.Tensor:
        seen.append(real(self, model))
        return seen[-1]

    monkeypatch.setattr(Evaluator, "logits", spy)
    workspace = Workspace("cpu")
    events: list[Any] = list(run(spec, workspace=workspace, output=folder))
    assert isinstance(events[-1], Finished), events[-1]
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert artifact.verified
    original, trained, reloaded = seen[0], seen[-2], seen[-1]
    assert artifact.max_error == float((reloaded - trained).abs().max())
    assert float((trained - original).abs().max()) > 1e-3, "training must have changed something"
    # A fresh copy of the base, and nothing of ours.
    labels = len(workspace.prepared.texts.label_names)
    fresh = loading.load(spec.model, spec.task, labels, CPU)
    plain = PeftModel.from_pretrained(fresh.model, artifact.path).eval()
    rows = workspace.start.held_out_rows[:CHECKED_TEXTS]
    again = evaluation.logits(plain, workspace.prepared.train, rows, CPU)
    return events, trained, again


def refused(spec: RunSpec) -> Failed:
    last = list(run(spec, workspace=Workspace("cpu")))[-1]
    assert isinstance(last, Failed), last
    return last


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "t5"])
@pytest.mark.parametrize("method", CASES, ids=str)
def test_a_run_measures_everything_and_its_adapter_loads_in_plain_peft(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = tiny_run(tiny_models[architecture], texts_csv, method)
    row = METHODS[spec.method.name]
    if architecture == "gpt2" and not row.conv1d:
        assert "Conv1D" in refused(spec).message
        return
    events, trained, again = follow(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (layers,) = (e for e in events if isinstance(e, Layers))
    quantities = {e.quantity for e in events if isinstance(e, Spectra)}
    expected = {"gradient", "weight", "update", "change"}
    assert quantities == (expected | {"init"} if spec.trains_adapter else expected)
    for quantity in quantities:
        measured = [e.layer for e in events if isinstance(e, Spectra) and e.quantity == quantity]
        if row.name == "eva" and quantity == "init":  # EVA may leave layers without an adapter
            assert set(measured) <= set(layers.names)
        else:
            assert measured == list(layers.names)
    metrics = [e for e in events if isinstance(e, Metric)]
    assert [m.step for m in metrics] == [0, 1, 2, 3, 4]
    assert {m.step for m in metrics if "eval_loss" in m.values} == {0, 2, 4}
    assert [e.step for e in events if isinstance(e, Alignment)] == [0, 2, 4]
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert {"norm", "relative", "base_change", "svd_error"} <= set(report.layers)


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "t5"])
@pytest.mark.parametrize("method", [name for name in METHODS if name not in _NO_DORA])
def test_dora_goes_with_every_method_that_trains_both_factors(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = {"dora": True, "rslora": False}
    spec = tiny_run(tiny_models[architecture], texts_csv, method, adapter=adapter)
    if architecture == "gpt2" and not METHODS[method].conv1d:
        return
    events, trained, again = follow(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    if method not in ("lora_one", "random_matched", "loftq"):
        assert report.scalars["logit_change"] < 2e-4, "DoRA begins at the pretrained function"


@pytest.mark.parametrize("architecture", list(EMBEDDINGS))
@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("method", METHODS)
def test_embeddings_are_adapted_where_peft_can_and_refused_elsewhere(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    method: str,
    dora: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = {"id": str(tiny_models[architecture]), "targets": EMBEDDINGS[architecture]}
    if dora and method in _NO_DORA:
        return
    adapter = {"dora": dora}
    spec = tiny_run(tiny_models[architecture], texts_csv, method, model=model, adapter=adapter)
    if not METHODS[method].embedding:
        assert "an embedding" in refused(spec).message
        return
    row = METHODS[method]
    if architecture in ("gpt2", "t5") and (row.changes_base or row.trains == "all"):
        # There the embedding's weight is the output head's too.
        assert refused(spec).field == "model.targets"
        return
    _, trained, again = follow(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)


def test_the_catalogue_is_covered_by_these_tests() -> None:
    names = {case if isinstance(case, str) else case["name"] for case in CASES}
    assert names == set(METHODS)
