"""As many singular values of a gradient are computed as cost less than the gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from loraone.events import Spectra
from loraone.linalg.svd import truncated_svd
from loraone.progress import finish
from loraone.runs import weight_spectra
from loraone.runs.gradient_spectra import gradient_spectrum
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec import measure
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.linalg.examples import drawn

GRID = {"ranks": [2]}

Told = dict[tuple[str, str], Spectra]


def spec_of(folder: Path, data: Path, known: str, **gradient: Any) -> RunSpec:
    given = {"samples": 8, "micro_batch": 4} | gradient
    measured = {"held_out_samples": 8, "spectra": known}
    return tiny_run(folder, data, "lora_one", grid=GRID, gradient=given, measure=measured)


def told(spec: RunSpec, workspace: Workspace | None = None) -> Told:
    """The spectra of gradients and weights that a run tells of."""
    events = list(run(spec, workspace=workspace or Workspace("cpu")))
    assert events[-1].kind == "finished", events[-1]
    return {
        (event.quantity, event.layer): event
        for event in events
        if isinstance(event, Spectra) and event.quantity in ("gradient", "weight")
    }


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny matrices count as large ones."""
    monkeypatch.setattr(measure, "SMALL", 0)
    monkeypatch.setattr(measure, "SMALL_WEIGHT", 0)
    monkeypatch.setattr(weight_spectra, "TOP_OF_WEIGHT", 2)


@pytest.mark.parametrize(("tokens", "whole"), [(599, False), (600, True)])
def test_all_values_are_computed_where_they_are_no_more_than_tokens(
    tokens: int, whole: bool
) -> None:
    matrix = drawn((700, 600), 0)
    top = truncated_svd(matrix, 4)
    found = gradient_spectrum(matrix, top, tokens, "auto", seed=0)
    assert found is not None
    assert found.is_whole == whole
    always = gradient_spectrum(matrix, top, tokens, "whole", seed=0)
    assert always is not None
    assert always.is_whole
    assert gradient_spectrum(matrix, top, tokens, "top", seed=0) is None


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("strategy", ["accumulate", "layerwise"])
def test_an_estimate_knows_the_top_and_says_how_sure_the_effective_rank_is(
    strategy: str, tiny_models: dict[str, Path], texts_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No text of the gradient batch is that short, so that none of its matrices is small.
    monkeypatch.setattr("loraone.runs.start._tokens", lambda *_: 1)
    folder = tiny_models["llama"]
    whole = told(spec_of(folder, texts_csv, "whole", strategy=strategy))
    found = told(spec_of(folder, texts_csv, "auto", strategy=strategy))
    assert found.keys() == whole.keys()
    for key, event in found.items():
        exact = whole[key]
        assert (exact.known, exact.effective_rank_error) == (None, None)
        assert event.known == 2
        np.testing.assert_allclose(event.values[:2], exact.values[:2], rtol=1e-4)
        for name in ("sigma1", "frobenius", "stable_rank", "energy_top_r"):
            assert event.scalars[name] == pytest.approx(exact.scalars[name], rel=1e-4), key
        if key[0] == "gradient":
            assert event.scalars["gap"] == pytest.approx(exact.scalars["gap"], rel=1e-4)
        else:
            assert event.scalars["gap"] is None, "the value behind the known ones is an estimate"
        assert event.effective_rank_error is not None
        effective, estimated = exact.scalars["effective_rank"], event.scalars["effective_rank"]
        assert effective is not None
        assert estimated is not None
        error = max(event.effective_rank_error, 0.01 * effective)
        assert abs(estimated - effective) < 5 * error


@pytest.mark.usefixtures("large")
def test_estimates_are_those_of_the_run_whoever_has_them(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loraone.runs.start._tokens", lambda *_: 1)
    spec = spec_of(tiny_models["llama"], texts_csv, "auto")

    def shared() -> Workspace:
        workspace = Workspace("cpu")
        workspace.share(tmp_path)
        return workspace

    warm = shared()
    first = told(spec, warm)
    told(spec.model_copy(update={"rank": 4}), warm)
    for workspace in (warm, shared()):
        again = told(spec, workspace)
        for key, event in first.items():
            assert np.array_equal(event.values, again[key].values)
            assert event.effective_rank_error == again[key].effective_rank_error


@pytest.mark.usefixtures("large")
def test_no_more_values_are_said_to_be_there_than_the_gradient_had_rows(
    tiny_models: dict[str, Path], texts_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that is called twice in a pass has twice as many."""
    monkeypatch.setattr("loraone.runs.start._tokens", lambda *_: 1)
    monkeypatch.setattr("loraone.runs.start._longest", lambda *_: 3)
    spec = spec_of(tiny_models["llama"], texts_csv, "auto", samples=2, micro_batch=2)
    found = told(spec)
    for (quantity, layer), event in found.items():
        if quantity == "gradient":
            assert int((event.values > 1e-5 * event.values[0]).sum()) <= 6, layer
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    assert set(workspace.prepared.calls.values()) == {1}


def test_the_top_alone_is_what_was_asked_for(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    found = told(spec_of(tiny_models["llama"], texts_csv, "top"))
    assert {quantity for quantity, _ in found} == {"gradient"}
    for event in found.values():
        assert len(event.values) == 2
        assert event.scalars["sigma1"] is not None
        assert event.scalars["effective_rank"] is None


def test_values_of_a_matrix_without_gaps_are_right_where_its_vectors_are_not() -> None:
    from loraone.linalg.svd import top_values

    matrix = drawn((900, 800), 0)
    exact = torch.linalg.svdvals(matrix.double())[:8]
    found = top_values(matrix, 8)
    assert ((found.S - exact).abs() / exact).max() < 1e-4
