"""An optimiser is one row in one file: everything that names optimisers follows from it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from loraone.catalog import OPTIMIZERS, Optimizer, resolve
from loraone.catalog.discovery import discover
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.method import MethodSpec
from loraone.spec.training import TrainingSpec

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("row", OPTIMIZERS.values(), ids=lambda row: row.name)
def test_every_row_names_functions_that_exist(row: Optimizer) -> None:
    assert callable(resolve(row.build))
    assert row.student is None or callable(resolve(row.student))
    assert row.summary
    assert row.paper is None or row.paper.url.startswith("https://arxiv.org/")


def test_the_form_and_its_errors_list_the_optimisers_of_the_catalogue() -> None:
    field = ExperimentSpec.model_json_schema()["$defs"]["TrainingSpec"]["properties"]["optimizer"]
    assert field["enum"] == list(OPTIMIZERS)
    for row in OPTIMIZERS.values():
        assert f"{row.name}: {row.summary}" in field["description"]
    with pytest.raises(ValidationError, match="'riemannian-sgd'"):
        TrainingSpec.model_validate({"optimizer": "muon"})


@pytest.mark.parametrize("row", OPTIMIZERS.values(), ids=lambda row: row.name)
def test_what_an_optimiser_cannot_do_is_refused_and_what_can_is_named(row: Optimizer) -> None:
    for allowed, spec in (
        (not row.needs_factors, {"methods": ["full"]}),
        (row.dora, {"methods": ["lora"], "adapter": {"dora": True}}),
        (row.synthetic, {"methods": ["lora"], "task": "teacher-student"}),
    ):
        given = {**spec, "training": {"optimizer": row.name}}
        if allowed:
            ExperimentSpec.model_validate(given)
        else:
            with pytest.raises(ValidationError, match=r"allowed: .*adamw"):
                ExperimentSpec.model_validate(given)


def test_a_methods_own_optimiser_is_in_its_label() -> None:
    for row in OPTIMIZERS.values():
        assert MethodSpec(name="lora", optimizer=row.name).label == f"LoRA ({row.label})"


def test_no_other_file_of_the_library_tests_an_optimiser_by_its_name() -> None:
    """Presets choose one and predictions are about one; nothing else knows a name."""
    for file in (ROOT / "loraone").rglob("*.py"):
        if "optimizers" in file.parts or file.parent.name == "theory":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare):
                names = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                assert not names & set(OPTIMIZERS), f"{file}:{node.lineno}"


def test_rows_of_a_wrong_kind_or_with_a_name_twice_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("two_rows")
    monkeypatch.setitem(sys.modules, "two_rows", module)
    row = Optimizer("same", "Same", "Of one name", None, build="nowhere:build")
    monkeypatch.setattr(module, "ROWS", (row, row), raising=False)
    with pytest.raises(ValueError, match="'same' is taken"):
        discover("two_rows", Optimizer)
    monkeypatch.setattr(module, "ROWS", ("same",))
    with pytest.raises(TypeError, match="is not a Optimizer"):
        discover("two_rows", Optimizer)
