"""LoRA-XS against float64 numpy, on every architecture, and where it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loraone.events import InitReport
from loraone.runs.run import run
from loraone.spec.experiment import ExperimentSpec
from loraone.theory.solve import solve
from tests.conftest import tiny_run
from tests.loraone.methods.tiny import (
    ARCHITECTURES,
    EMBEDDINGS,
    drawn,
    initialised,
    refused,
    trained_and_reloaded,
)
from tests.loraone.theory.conftest import runs


@given(
    m=st.integers(3, 14),
    n=st.integers(3, 14),
    s=st.sampled_from([0.5, 1.0, 8.0]),
    values_in=st.sampled_from(["A", "B"]),
    seed=st.integers(0, 50),
    data=st.data(),
)
def test_the_frozen_factors_are_the_top_singular_triplets(
    m: int, n: int, s: float, values_in: str, seed: int, data: Any
) -> None:
    W = drawn(m, n, seed)
    r = data.draw(st.integers(1, min(m, n)))
    initialisation = initialised("lora_xs", W, r, s, {"values_in": values_in})
    pair, core = initialisation.factors["layer"], initialisation.cores["layer"]
    assert (pair.A.shape, pair.B.shape, core.shape) == ((r, n), (m, r), (r, r))
    A, B = pair.A.double().numpy(), pair.B.double().numpy()
    U, S, Vh = np.linalg.svd(W.double().numpy(), full_matrices=False)
    np.testing.assert_allclose(B @ A, (U[:, :r] * S[:r]) @ Vh[:r], atol=2e-6)
    bare, scaled = (A @ A.T, B.T @ B) if values_in == "B" else (B.T @ B, A @ A.T)
    np.testing.assert_allclose(bare, np.eye(r), atol=1e-5)
    np.testing.assert_allclose(scaled, np.diag(S[:r] ** 2), atol=1e-5)
    assert not initialisation.offset_base
    assert not initialisation.bases


@pytest.mark.parametrize("sigma", [1e-5, 0.3])
def test_the_core_is_normal_with_the_deviation_asked_for(sigma: float) -> None:
    core = initialised("lora_xs", drawn(60, 50, 1), 50, 2.0, {"sigma": sigma}).cores["layer"]
    assert float(core.std()) == pytest.approx(sigma, rel=0.05)
    assert abs(float(core.mean())) < 0.05 * sigma


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rank", [4, 8])
def test_a_run_trains_r_times_r_numbers_and_loads_in_plain_peft(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    rank: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = {"ranks": [rank], "learning_rates": [0.1]}  # 8 is min(m, n) of llama's k_proj
    spec = tiny_run(tiny_models[architecture], texts_csv, "lora_xs", grid=grid)
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert report.scalars["logit_change"] < 2e-3  # t5's weights are that large
    assert 0 < report.layers["relative"].max() < 1e-3
    assert report.layers["base_change"].max() == 0
    if architecture != "bert":  # which trains a head beside it
        trained_numbers = events[-1].summary["trained_parameters"]
        assert trained_numbers == len(report.layers["norm"]) * rank**2


def test_s_is_the_adapters_own(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    norms = []
    for alpha in (8, 16):
        method = {"name": "lora_xs", "params": {"sigma": 0.1}}
        adapter = {"alpha": alpha, "rslora": False}
        spec = tiny_run(tiny_models["llama"], texts_csv, method, adapter=adapter)
        (report,) = (e for e in run(spec) if isinstance(e, InitReport))
        norms.append(report.layers["norm"])
    np.testing.assert_allclose(norms[1], 2 * norms[0], rtol=1e-4)


def test_weights_in_bfloat16_are_decomposed_as_they_are(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {"id": str(tiny_models["llama"]), "dtype": "bfloat16"}
    grid = {"ranks": [4], "learning_rates": [0.1]}
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora_xs", model=model, grid=grid)
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-2, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert report.layers["base_change"].max() == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_embeddings_are_refused(
    tiny_models: dict[str, Path], texts_csv: Path, architecture: str
) -> None:
    model = {"id": str(tiny_models[architecture]), "targets": EMBEDDINGS[architecture]}
    failed = refused(tiny_run(tiny_models[architecture], texts_csv, "lora_xs", model=model))
    assert "an embedding" in failed.message
    assert failed.value == "lora_xs"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"adapter": {"dora": True}}, "an r × r core"),
        ({"training": {"optimizer": "loraplus"}}, "two trained factors"),
    ],
)
def test_what_needs_two_trained_factors_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ExperimentSpec.model_validate({"methods": ["lora_xs"], **changes})


def test_in_the_theory_lab_the_core_learns_and_the_factors_stay() -> None:
    grid = {"learning_rates": [0.01]}
    (spec, *_) = runs("lora_xs", problem={"scaling": 2.0}, grid=grid, training={"steps": 50})
    (solution,) = solve([spec])
    U, _, Vh = np.linalg.svd(solution.teacher.start[0].numpy(), full_matrices=False)
    r = spec.rank
    assert solution.losses[0] == pytest.approx(1, abs=1e-4)
    assert solution.losses[-1] < solution.losses[0]
    moved = (solution.weights["layer"] - solution.teacher.start[0]).numpy()
    # What was learned lies in the span of the frozen factors.
    inside = U[:, :r] @ U[:, :r].T @ moved @ Vh[:r].T @ Vh[:r]
    np.testing.assert_allclose(moved, inside, atol=1e-12)
