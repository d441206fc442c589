"""Every row of the catalogue on every architecture: init, steps, spectra, export, plain PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from loraone.adapters import export
from loraone.catalog import METHODS
from loraone.events import Alignment, Artifact, Finished, InitReport, Layers, Metric, Note, Spectra
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run
from tests.loraone.methods.tiny import (
    ARCHITECTURES,
    EMBEDDINGS,
    TIED,
    refused,
    trained_and_reloaded,
)

# Every method with its defaults; and some parameters at which a run takes another way.
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


@pytest.mark.cases(24)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
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
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (layers,) = (e for e in events if isinstance(e, Layers))
    quantities = {e.quantity for e in events if isinstance(e, Spectra)}
    expected = {"gradient", "weight", "update", "change"}
    assert quantities == (expected | {"init"} if spec.trains_adapter else expected)
    for quantity in quantities:
        measured = [e.layer for e in events if isinstance(e, Spectra) and e.quantity == quantity]
        if row.moves_ranks and quantity == "init":  # some layers may be left without an adapter
            assert set(measured) <= set(layers.names)
        else:
            assert measured == list(layers.names)
    metrics = [e for e in events if isinstance(e, Metric)]
    assert [m.step for m in metrics] == [0, 1, 2, 3, 4]
    assert {m.step for m in metrics if "eval_loss" in m.values} == {0, 2, 4}
    assert [e.step for e in events if isinstance(e, Alignment)] == [0, 2, 4]
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert {"norm", "relative", "base_change", "svd_error"} <= set(report.layers)
    if row.flag("starts_pretrained", spec.method.params):
        assert report.scalars["logit_change"] < 2e-3
    elif isinstance(method, str):  # a search for γ may end at hardly any step
        assert report.scalars["logit_change"] > 1e-6
    if spec.trains_adapter:
        moved = float(np.nanmax(report.layers["base_change"]))
        assert (moved > 0) == row.flag("changes_base", spec.method.params)


@pytest.mark.cases(12)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
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
    row = METHODS[method]
    if architecture == "gpt2" and not row.conv1d:
        assert "Conv1D" in refused(spec).message
        return
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    if row.flag("starts_pretrained", spec.method.params):
        assert report.scalars["logit_change"] < 2e-4, "DoRA begins at the pretrained function"


@pytest.mark.cases(40)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
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
    adapter = {"dora": dora}
    if dora and method in _NO_DORA:
        with pytest.raises(ValidationError, match="nothing for DoRA"):
            tiny_run(tiny_models[architecture], texts_csv, method, model=model, adapter=adapter)
        return
    spec = tiny_run(tiny_models[architecture], texts_csv, method, model=model, adapter=adapter)
    if not METHODS[method].embedding:
        assert "an embedding" in refused(spec).message
        return
    row = METHODS[method]
    changes = row.flag("changes_base", spec.method.params) or row.trains == "all"
    if architecture in TIED and changes:
        # There the embedding's weight is the output head's too.
        assert refused(spec).field == "model.targets"
        return
    _, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)


def test_the_catalogue_is_covered_by_these_tests() -> None:
    names = {case if isinstance(case, str) else case["name"] for case in CASES}
    assert names == set(METHODS)


def test_an_adapter_that_reads_back_otherwise_is_said_to_and_the_run_is_kept(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reload = export.reload

    def damaged(loaded: Any, folder: Path) -> Any:
        model = reload(loaded, folder)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.mul_(1.5)
        return model

    monkeypatch.setattr("loraone.adapters.export.reload", damaged)
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora_one")
    events = list(run(spec, workspace=Workspace("cpu"), output=tmp_path))
    assert isinstance(events[-1], Finished)
    (warning,) = (e for e in events if isinstance(e, Note) and e.warning)
    assert "reads back with logits that differ" in warning.message
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert not artifact.verified
    assert artifact.max_error == events[-1].summary["export_difference"]
    assert "eval_loss" in events[-1].summary
