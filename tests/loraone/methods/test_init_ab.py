"""Init[AB]: the distribution it draws from, both forms of its base, and where it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loraone.events import InitReport
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

OFFSET = {"name": "init_ab", "params": {"base": "offset"}}


@pytest.mark.parametrize(("m", "n"), [(300, 80), (80, 300)])
@pytest.mark.parametrize("beta", [0.25, 1.0, 16.0])
def test_both_factors_are_uniform_with_variance_beta_over_3n(m: int, n: int, beta: float) -> None:
    pair = initialised("init_ab", drawn(m, n, 0), 60, 2.0, {"beta": beta}).factors["layer"]
    assert (pair.A.shape, pair.B.shape) == ((60, n), (m, 60))
    for factor in (pair.A, pair.B):
        values = np.sort(factor.double().numpy().ravel()) / (beta / n) ** 0.5
        assert np.abs(values).max() <= 1
        assert np.var(values) == pytest.approx(1 / 3, rel=0.05)
        # The distance of Kolmogorov and Smirnov to the uniform distribution.
        distance = np.abs((values + 1) / 2 - (np.arange(len(values)) + 0.5) / len(values)).max()
        assert distance < 2 / len(values) ** 0.5
    correlation = np.corrcoef(pair.A[:, :80].ravel(), pair.B[:80].T.ravel())[0, 1]
    assert abs(correlation) < 0.06


@given(m=st.integers(1, 12), n=st.integers(1, 12), data=st.data())
def test_neither_factor_is_zero_and_the_base_is_offset_only_when_asked(
    m: int, n: int, data: Any
) -> None:
    W = drawn(m, n, 1, torch.float64)
    r = data.draw(st.integers(1, min(m, n)))
    kept, offset = (
        initialised("init_ab", W, r, 3.0, {"base": base}) for base in ("kept", "offset")
    )
    assert not kept.offset_base
    assert offset.offset_base
    pair = kept.factors["layer"]
    assert (pair.A != 0).all()
    assert (pair.B != 0).all()
    assert pair.A.dtype == W.dtype
    assert torch.equal(pair.A, offset.factors["layer"].A)
    assert torch.equal(pair.B, offset.factors["layer"].B)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rank", [4, 8])
@pytest.mark.parametrize("method", ["init_ab", OFFSET], ids=["kept", "offset"])
def test_a_run_begins_beside_the_model_or_at_it_and_loads_in_plain_peft(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    rank: int,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = {"ranks": [rank], "learning_rates": [0.01]}  # 8 is min(m, n) of llama's k_proj
    spec = tiny_run(tiny_models[architecture], texts_csv, method, grid=grid)
    events, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)
    (report,) = (e for e in events if isinstance(e, InitReport))
    if method == OFFSET:
        assert report.scalars["logit_change"] < 1e-4
        assert report.layers["base_change"].min() > 0
    else:
        assert report.scalars["logit_change"] > 1e-3
        assert report.layers["base_change"].max() == 0
        assert report.scalars["logit_change_off"] == 0


def test_with_weights_in_bfloat16_the_base_is_offset_to_within_their_rounding(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    model = {"id": str(tiny_models["llama"]), "dtype": "bfloat16"}
    changes = {}
    for method in ("init_ab", OFFSET):
        spec = tiny_run(tiny_models["llama"], texts_csv, method, model=model)
        (report,) = (e for e in run(spec) if isinstance(e, InitReport))
        changes[str(method)] = report.scalars["logit_change"]
    assert changes[str(OFFSET)] < 0.1 * changes["init_ab"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", ["init_ab", OFFSET], ids=["kept", "offset"])
def test_tied_embeddings_are_refused_only_where_the_base_is_changed(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    method: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = {"id": str(tiny_models[architecture]), "targets": EMBEDDINGS[architecture]}
    spec = tiny_run(tiny_models[architecture], texts_csv, method, model=model)
    if architecture in TIED and method == OFFSET:
        failed = refused(spec)
        assert failed.field == "model.targets"
        assert "changes the weight of layer" in failed.message
        return
    _, trained, again = trained_and_reloaded(spec, tmp_path, monkeypatch)
    torch.testing.assert_close(again, trained, atol=1e-4, rtol=0)


def test_a_label_says_what_differs_from_the_paper(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, OFFSET)
    assert spec.label == "Init[AB] (Base offset)"
    assert tiny_run(tiny_models["llama"], texts_csv, "init_ab").label == "Init[AB]"


@pytest.mark.parametrize("method", ["init_ab", OFFSET], ids=["kept", "offset"])
def test_in_the_theory_lab_the_base_makes_up_for_the_factors_or_not(method: Any) -> None:
    (spec, *_) = runs(method, problem={"scaling": 2.0})
    (solution,) = solve([spec])
    W = solution.teacher.start[0]
    pair = solution.began["layer"]
    whole = solution.bases["layer"] + 2.0 * pair.B @ pair.A
    if method == OFFSET:
        np.testing.assert_allclose(whole, W, atol=1e-12)
        assert solution.losses[0] == pytest.approx(1, abs=1e-9)
    else:
        assert torch.equal(solution.bases["layer"], W)
        assert abs(float(solution.losses[0]) - 1) > 1e-3
