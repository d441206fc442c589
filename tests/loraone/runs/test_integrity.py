"""A method of somebody's own cannot spoil what the runs after it are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loraone.catalog import METHODS, register, resolve
from loraone.methods.base import Initialisation, InitProblem
from loraone.runs.workspace import Workspace
from tests.loraone.runs.kept import four_columns, small_run
from tests.loraone.runs.told import finished, fresh, told

LAYER = "bert.encoder.layer.0.attention.self.query"


def writes_to_the_gradient(problem: InitProblem) -> None:
    problem.matrices[LAYER].mul_(-1)


def writes_to_a_view_of_the_triplets(problem: InitProblem) -> None:
    problem.gradients[LAYER].U[:, 0].neg_()


def replaces_the_gradient(problem: InitProblem) -> None:
    matrices: Any = problem.matrices
    matrices[LAYER] = -matrices[LAYER]


SPOILERS: list[Callable[[InitProblem], None]] = [
    writes_to_the_gradient,
    writes_to_a_view_of_the_triplets,
    replaces_the_gradient,
]
_spoil = SPOILERS[0]


ROW = METHODS["init_ab"]


def initialise(problem: InitProblem, params: Any) -> Initialisation:
    """Factors, after something was spoilt."""
    _spoil(problem)
    assert ROW.initialise is not None
    factors: Initialisation = resolve(ROW.initialise)(problem, params)
    return factors


@pytest.fixture(params=SPOILERS, ids=lambda spoil: spoil.__name__)
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with registered(request.param, monkeypatch) as name:
        yield name


@contextmanager
def registered(
    spoil: Callable[[InitProblem], None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setattr(f"{__name__}._spoil", spoil)
    row = dataclasses.replace(ROW, name="spoiler", initialise=f"{__name__}:initialise")
    register(row)
    yield "spoiler"
    del METHODS["spoiler"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_that_writes_to_what_others_are_given_fails_and_is_forgotten(
    method: str, dtype: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    data = four_columns(tmp_path / "texts.csv")
    model = {"dtype": dtype}
    spec = small_run(tiny_models["bert"], data, model=model)
    warm = Workspace("cpu")
    warm.share(tmp_path / "shared")
    assert finished(told(spec, warm))
    *_, last = told(small_run(tiny_models["bert"], data, model=model, methods=[method]), warm)
    assert last["kind"] == "'failed'"
    assert LAYER in last["message"]
    assert told(spec, warm) == fresh(spec)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_method_is_given_weights_of_its_own_to_write_to(
    dtype: str, tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes_to_the_weight(problem: InitProblem) -> None:
        before = problem.weights[LAYER]
        problem.weights[LAYER].add_(1.0)
        assert problem.weights[LAYER].equal(before)

    data = four_columns(tmp_path / "texts.csv")
    spec = small_run(tiny_models["bert"], data, model={"dtype": dtype})
    warm = Workspace("cpu")
    with registered(writes_to_the_weight, monkeypatch) as method:
        own = small_run(tiny_models["bert"], data, model={"dtype": dtype}, methods=[method])
        plain = small_run(tiny_models["bert"], data, model={"dtype": dtype}, methods=["init_ab"])
        first, second = told(own, warm), told(plain, warm)
        assert finished(first)
    assert [each.get("values") for each in first] == [each.get("values") for each in second]
    assert told(spec, warm) == fresh(spec)
