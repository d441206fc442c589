"""Specs of earlier versions are brought forward, step by step, and said in today's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loraone import ExperimentSpec, expand
from loraone.spec import diff, stored, versions
from loraone.spec.experiment import RunSpec
from loraone.spec.recipes import as_yaml
from loraone.spec.validation import problems

OLD = {
    "version": 1,
    "methods": ["lora_one"],
    "gradient": {"way": "immediate", "samples": 8, "micro_batch": 16},
    "measure": {"gradient_trust": False},
}
NEW = {
    "version": 2,
    "methods": ["lora_one"],
    "gradient": {"strategy": "layerwise", "samples": 8, "micro_batch": 16},
    "measure": {"split_half_agreement": False},
}


def test_there_is_a_step_from_every_version_to_the_next() -> None:
    assert len(versions.STEPS) + 1 == versions.CURRENT
    assert ExperimentSpec().version == versions.CURRENT


def test_old_names_mean_what_the_new_ones_do() -> None:
    assert ExperimentSpec.model_validate(OLD) == ExperimentSpec.model_validate(NEW)
    assert stored.experiment(OLD).document == stored.experiment(NEW).document


def test_a_file_that_says_no_version_may_use_either_name() -> None:
    for document in (OLD, NEW):
        unsaid = {name: value for name, value in document.items() if name != "version"}
        assert ExperimentSpec.model_validate(unsaid) == ExperimentSpec.model_validate(NEW)


def test_runs_of_an_old_spec_do_not_differ_from_those_of_a_new_one() -> None:
    (run,) = expand(ExperimentSpec.model_validate(NEW))
    today = run.model_dump(mode="json")
    gradient = {**today["gradient"], "way": "immediate"}
    measure = {**today["measure"], "gradient_trust": False}
    del gradient["strategy"], measure["split_half_agreement"], today["version"]
    then = {**today, "gradient": gradient, "measure": measure}
    assert diff.between({"then": [then], "now": [{**today, "version": 2}]}) == []
    assert RunSpec.model_validate(then) == run


def test_both_names_at_once_are_refused_and_the_old_one_is_named() -> None:
    both = {"gradient": {"way": "sketch", "strategy": "sketch"}}
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate(both)
    assert [row["path"] for row in problems(caught.value.errors())] == ["gradient.way"]


def test_a_wrong_value_under_an_old_name_is_marked_under_the_new_one() -> None:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate({"gradient": {"way": "sideways"}})
    (problem,) = problems(caught.value.errors())
    assert (problem["path"], problem["value"]) == ("gradient.strategy", "sideways")
    assert "layerwise" in str(problem["allowed"])


@pytest.mark.parametrize("version", [versions.CURRENT + 1, 99, 0, -1, "two", 1.5, None])
def test_a_version_that_no_release_has_written_is_refused_and_shown(version: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate({**NEW, "version": version})
    (problem,) = problems(caught.value.errors())
    assert problem["path"] == "version"
    assert f"1 to {versions.CURRENT}" in problem["message"]
    assert stored.experiment({**NEW, "version": version}).document["version"] == version


def test_what_is_written_says_its_version_so_that_later_releases_know() -> None:
    assert f"version: {versions.CURRENT}" in as_yaml(ExperimentSpec())
    for run in expand(ExperimentSpec()):
        assert run.model_dump()["version"] == versions.CURRENT


@given(st.sampled_from([OLD, NEW, {}, {"gradient": 3, "measure": None}, {"gradient": {"way": []}}]))
def test_bringing_forward_changes_nothing_the_second_time(document: dict[str, Any]) -> None:
    once = versions.upgraded(document)
    assert versions.upgraded(once) == once
    assert once["version"] == versions.CURRENT
