"""MiLoRA against float64 numpy, on every architecture, and where it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loraone.events import InitReport, Note
from loraone.runs.run import run
from loraone.theory.solve import solve
from tests.conftest import tiny_run
from tests.loraone.methods.tiny import (
    ARCHITECTURES,
    EMBEDDINGS,
    TIED,
    drawn,
    initialised,
    refused,
    trained_and_reloaded,
)
from tests.loraone.theory.conftest import runs


def minor_part(W: torch.Tensor, r: int) -> np.ndarray:
    U, S, Vh = np.linalg.svd(W.double().numpy(), full_matrices=False)
    return np.asarray((U[:, -r:] * S[-r:]) @ Vh[-r:])


@given(
    m=st.integers(3, 14),
    n=st.integers(3, 14),
    s=st.sampled_from([0.5, 1.0, 8.0]),
    seed=st.integers(0, 50),
    data=st.data(),
)
def test_the_product_is_the_minor_part_and_the_base_gives_it_up(
    m: int, n: int, s: float, seed: int, data: Any
) -> None:
    W = drawn(m, n, seed)
    r = data.draw(st.integers(1, min(m, n)))
    initialisation = initialised("milora", W, r, s)
    pair = initialisation.factors["layer"]
    assert pair.A.shape == (r, n)
    assert pair.B.shape == (m, r)
    product = (s * pair.B.double() @ pair.A.double()).numpy()
    np.testing.assert_allclose(product, minor_part(W, r), atol=2e-6)
    assert initialisation.offset_base
    assert not initialisation.bases


def test_the_factors_share_the_roots_of_the_singular_values() -> None:
    W, s, r = drawn(12, 9, 1), 4.0, 3
    pair = initialised("milora", W, r, s).factors["layer"]
    S = np.linalg.svd(W.double().numpy(), compute_uv=False)[-r:]
    for gram in (pair.B.T @ pair.B, pair.A @ pair.A.T):
        np.testing.assert_allclose(gram.double().numpy(), np.diag(S / s), atol=1e-6)


def test_at_the_full_rank_nothing_is_left_in_the_base() -> None:
    W = drawn(6, 10, 2)
    pair = initialised("milora", W, 6, 2.0).factors["layer"]
    torch.testing.assert_close(2.0 * pair.B @ pair.A, W)


def test_directions_without_a_singular_value_are_named() -> None:
    W = drawn(8, 6, 3)
    assert not initialised("milora", W, 2, 1.0).notes
    W[:, 0] = 0
    (note,) = initialised("milora", W, 2, 1.0).notes
    assert "rank below min(m, n)" in note


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rank", [4, 8])
def test_a_run_begins_where_the_model_was_and_loads_in_plain_peft(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    rank: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = {"ranks": [rank], "learning_rates": [0.01]}  # 8 is min(m, n) of llama's k_proj
    spec = tiny_run(tiny_models[architecture], texts_csv, "milora", grid=grid)
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert report.scalars["logit_change"] < 1e-4
    assert report.layers["base_change"].min() > 0
    assert not [e for e in events if isinstance(e, Note)]


def test_weights_in_bfloat16_give_the_minor_part_of_what_they_are(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    model = {"id": str(tiny_models["llama"]), "dtype": "bfloat16"}
    spec = tiny_run(tiny_models["llama"], texts_csv, "milora", model=model)
    events = list(run(spec))
    (report,) = (e for e in events if isinstance(e, InitReport))
    # The residual is rounded to bfloat16: 2⁻⁹ of each weight.
    assert report.scalars["logit_change"] < 0.02
    W = drawn(9, 12, 4, torch.bfloat16)
    pair = initialised("milora", W.float(), 3, 2.0).factors["layer"]
    product = (2.0 * pair.B.double() @ pair.A.double()).numpy()
    np.testing.assert_allclose(product, minor_part(W, 3), atol=2e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_embeddings_are_adapted_unless_their_weight_is_tied(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = {"id": str(tiny_models[architecture]), "targets": EMBEDDINGS[architecture]}
    spec = tiny_run(tiny_models[architecture], texts_csv, "milora", model=model)
    if architecture in TIED:
        failed = refused(spec)
        assert failed.field == "model.targets"
        assert "changes the weight of layer" in failed.message
        return
    _, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)


@pytest.mark.parametrize("scaling", [1.0, 3.0])
def test_in_the_theory_lab_it_begins_at_the_students_own_weight(scaling: float) -> None:
    (spec, *_) = runs("milora", problem={"scaling": scaling})
    (solution,) = solve([spec])
    W = solution.teacher.start[0]
    pair = solution.began["layer"]
    product = (scaling * pair.B @ pair.A).numpy()
    np.testing.assert_allclose(product, minor_part(W, spec.rank), atol=1e-12)
    np.testing.assert_allclose(solution.bases["layer"] + product, W, atol=1e-12)
    assert solution.losses[0] == pytest.approx(1, abs=1e-9)
