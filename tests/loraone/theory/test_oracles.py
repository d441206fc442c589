"""The theory's claims hold at their bounds, and a wrong initialiser does not pass them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from loraone.catalog import METHODS
from loraone.linalg.svd import Decomposition
from loraone.methods.base import Factors
from loraone.methods.lora_one import factors as lora_one
from loraone.theory.oracles import ORACLES
from loraone.theory.presets import THEORY


@pytest.mark.parametrize("first", [0, 100])
@pytest.mark.parametrize("name", ORACLES)
def test_every_bound_holds_for_every_seed(name: str, first: int) -> None:
    checks = ORACLES[name].check(range(first, first + 10))
    assert checks
    broken = {c.label: (c.values, c.bound) for c in checks if not c.holds}
    assert broken == {}
    assert all(len(check.values) == 10 for check in checks)


def test_every_oracle_has_a_preset_and_every_preset_an_oracle() -> None:
    assert list(ORACLES) == list(THEORY)


def wrong_sign(gradient: Decomposition, r: int, *rest: Any) -> Factors:
    pair = REAL(gradient, r, *rest)
    return Factors(pair.A, -pair.B)


def swapped(gradient: Decomposition, r: int, *rest: Any) -> Factors:
    """U where V belongs: cut or filled to fit, since m and n differ."""
    pair = REAL(gradient, r, *rest)
    k = min(len(gradient.U), len(gradient.V))
    A, B = torch.zeros_like(pair.A), torch.zeros_like(pair.B)
    A[:, :k], B[:k] = -pair.B.T[:, :k], pair.A.T[:k]
    return Factors(A, B)


def without_roots(gradient: Decomposition, r: int, *rest: Any) -> Factors:
    """√S missing: both factors orthonormal."""
    kept = gradient.S[0] * 1e-9 < gradient.S
    flat = replace(gradient, S=kept.to(gradient.S))
    return REAL(flat, r, *rest)


def doubled(gradient: Decomposition, r: int, *rest: Any) -> Factors:
    """S where √S belongs in one factor."""
    pair = REAL(gradient, r, *rest)
    return Factors(pair.A * gradient.S[:1].sqrt() * 3, pair.B)


REAL = lora_one.factors


@pytest.mark.parametrize("mutant", [wrong_sign, swapped, without_roots, doubled])
def test_a_mutated_lora_one_breaks_an_oracle(mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lora_one, "factors", mutant)
    checks = [check for name in ("O3", "O6") for check in ORACLES[name].check(range(3))]
    assert any(not check.holds for check in checks)


def test_a_lora_ga_whose_offset_is_added_or_left_out_breaks_its_oracle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import loraone.theory.initial_factors as initial_factors

    real = initial_factors.resolve

    def left_out(path: str) -> Any:
        def initialise(problem: Any, params: Any) -> Any:
            return replace(real(path)(problem, params), offset_base=False)

        return initialise

    def added(path: str) -> Any:
        def initialise(problem: Any, params: Any) -> Any:
            initialisation = real(path)(problem, params)
            bases = {
                name: problem.weights[name] + problem.scaling * pair.B @ pair.A
                for name, pair in initialisation.factors.items()
            }
            return replace(initialisation, offset_base=False, bases=bases)

        return initialise

    assert METHODS["lora_ga_paper"].initialise is not None
    for mutant in (left_out, added):
        monkeypatch.setattr(initial_factors, "resolve", mutant)
        checks = ORACLES["O5"].check(range(2))
        assert any(not check.holds for check in checks), mutant.__name__
