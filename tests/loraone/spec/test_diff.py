"""What differs between runs, and whether they can be compared then."""

from __future__ import annotations

from typing import Any

import pytest

from loraone import ExperimentSpec, expand
from loraone.spec import diff


def specs(**changes: Any) -> list[dict[str, Any]]:
    found = ExperimentSpec.model_validate({"methods": ["lora"], **changes})
    return [run.model_dump(mode="json") for run in expand(found)]


def paths(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[str]:
    return [found.field.path for found in diff.between({"one": one, "other": other})]


def test_a_group_is_the_same_as_itself_whatever_it_varies() -> None:
    grid = specs(grid={"seeds": [0, 1], "learning_rates": [1e-3, 1e-4]})
    assert paths(grid, list(reversed(grid))) == []


def test_every_field_of_a_run_has_a_title_that_people_read() -> None:
    known = {field.path: field.title for field in diff.fields()}
    for run in specs(methods=["lora", "lora_one", "full"]):
        assert set(diff.flat(run)) <= set(known)
    assert known["training.batch_size"] == "Batch size"
    assert known["method.params.gamma"] == "γ"


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"data": {"max_length": 32}}, "data.max_length", "Not comparable"),
        ({"training": {"steps": 7}}, "training.steps", "With care"),
        ({"grid": {"ranks": [4]}}, "rank", ""),
        ({"methods": ["full"]}, "method", ""),
        ({"measure": {"hessian": True}}, "measure.hessian", ""),
    ],
)
def test_a_difference_forbids_a_comparison_or_asks_for_care(
    changes: dict[str, Any], path: str, said: str
) -> None:
    found = diff.between({"one": specs(), "other": specs(**changes)})
    assert [one.field.path for one in found] == [path]
    assert diff.reservations(found).startswith(said)
    assert bool(diff.reservations(found)) == bool(said)


def test_what_a_synthetic_task_does_not_read_is_no_difference() -> None:
    one = specs(task="teacher-student", data={"max_length": 32})
    assert paths(one, specs(task="teacher-student")) == []


def test_how_often_a_checkpoint_is_kept_is_no_difference() -> None:
    often = specs(training={"checkpoint_minutes": 1})
    assert paths(specs(), often) == []
    assert "training.checkpoint_minutes" not in {field.path for field in diff.fields()}
    assert specs()[0]["training"]["checkpoint_minutes"] == 10
