"""What was stored is read without today's rules, and compared with defaults filled in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loraone import ExperimentSpec, expand
from loraone.catalog import METHODS
from loraone.errors import SpecError
from loraone.spec import diff, stored
from loraone.spec.experiment import RunSpec


def experiment(**changes: Any) -> dict[str, Any]:
    return ExperimentSpec.model_validate(changes).model_dump(mode="json")


def run(**changes: Any) -> dict[str, Any]:
    spec = ExperimentSpec.model_validate({"methods": ["lora_one"], **changes})
    return expand(spec)[0].model_dump(mode="json")


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy as a release wrote it that did not have this field yet."""
    first, _, rest = path.partition(".")
    if rest:
        return {**document, first: without(document[first], rest)}
    return {key: value for key, value in document.items() if key != first}


@pytest.mark.parametrize("method", METHODS)
def test_what_today_stores_is_read_as_it_is(method: str) -> None:
    document = experiment(methods=[method], grid={"seeds": [0, 1]})
    assert stored.experiment(document).document == document
    for of_run in expand(ExperimentSpec.model_validate(document)):
        written = of_run.model_dump(mode="json")
        assert stored.run(written).document == written
        assert stored.run(written).spec == of_run


ALWAYS_STORED = ("method", "rank", "learning_rate", "seed")
LATER_FIELDS = [
    field.path
    for field in diff.fields()
    if field.path not in ALWAYS_STORED and not field.path.startswith("method.params")
]


@pytest.mark.parametrize("field", LATER_FIELDS)
def test_a_field_that_did_not_exist_yet_is_no_difference(field: str) -> None:
    whole = run()
    assert diff.between({"old": [without(whole, field)], "new": [whole]}) == []


def test_a_parameter_of_a_method_that_did_not_exist_yet_is_no_difference() -> None:
    whole = run()
    old = {**whole, "method": {"name": "lora_one", "params": {"scale": "spectral"}}}
    assert diff.between({"old": [old], "new": [whole]}) == []
    other = {**whole, "method": {"name": "lora_one", "params": {"gamma": 1.0}}}
    (difference,) = diff.between({"old": [other], "new": [whole]})
    assert difference.field.title == "γ"


def test_a_method_that_is_not_installed_is_said_and_nothing_else_is_lost() -> None:
    document = experiment(methods=["lora"])
    gone = {"name": "orthonormal", "params": {"size": 3}, "learning_rates": None}
    read = stored.experiment({**document, "methods": [gone, *document["methods"]]})
    assert not read.runnable
    assert [row["message"] for row in read.problems] == ["method orthonormal is not installed here"]
    assert stored.method_labels(read.document) == ["orthonormal", "LoRA"]
    assert read.document["methods"][0]["params"] == {"size": 3}
    assert read.document["grid"] == document["grid"]
    with pytest.raises(SpecError, match="orthonormal is not installed here"):
        _ = read.spec


def test_parameters_of_a_method_that_is_not_installed_are_compared_by_name() -> None:
    whole = run()
    first = {**whole, "method": {"name": "gone", "params": {"size": 3}}}
    second = {**whole, "method": {"name": "gone", "params": {"size": 4}}}
    (difference,) = diff.between({"one": [first], "two": [second]})
    assert (difference.field.path, difference.field.title) == ("method.params.size", "Size")
    assert difference.values == {"one": [3], "two": [4]}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"grid": {"ranks": [99_999]}}, "grid.ranks.0"),
        ({"training": {"steps": -1}}, "training.steps"),
        ({"training": {"optimizer": "muon"}}, "training.optimizer"),
        ({"task": "poetry"}, "task"),
        ({"methods": [{"name": "lora_one", "params": {"gamma": -1}}]}, "methods.0.params.gamma"),
        ({"methods": [{"name": "lora_one", "params": {"delta": 1}}]}, "methods.0.params.delta"),
        ({"retired": {"field": 1}}, "retired"),
        ({"adapter": {"retired": 1}}, "adapter.retired"),
        ({"version": 99}, "version"),
        ({"version": "two"}, "version"),
    ],
)
def test_a_rule_that_came_later_refuses_a_new_launch_and_not_the_reading(
    change: dict[str, Any], path: str
) -> None:
    read = stored.experiment(change)
    assert not read.runnable
    assert read.problems[0]["path"] == path
    for name, value in change.items():
        kept = read.document[name]
        assert kept == value or isinstance(value, dict | list)
    assert stored.method_labels(read.document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["methods", "method", "name", "params", "model", "task", "grid", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).filter(lambda document: isinstance(document, dict))
)
def test_no_document_is_too_odd_to_be_read(document: dict[str, Any]) -> None:
    for read in (stored.experiment(document), stored.run(document)):
        assert isinstance(read.problems, list)
        assert isinstance(stored.method_labels(read.document), list)
        assert isinstance(stored.is_synthetic(read.document), bool)
    assert diff.between({"one": [document], "two": [document]}) == []


def test_a_run_by_hand_needs_no_version() -> None:
    bare = without(run(), "version")
    assert RunSpec.model_validate(bare) == RunSpec.model_validate(run())
