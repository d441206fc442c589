"""Where runs are mirrored to is asked of an experiment, and changes none of its runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from loraone.catalog import TRACKERS
from loraone.spec import diff
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.spec.recipes import alone, as_python, as_yaml
from loraone.spec.validation import problems
from loraone.spec.yaml_text import read_yaml

SPEC: dict[str, Any] = {"methods": ["lora", "lora_one"], "grid": {"seeds": [0, 1]}}


def test_runs_that_are_mirrored_are_the_same_runs_and_share_what_they_compute() -> None:
    plain = expand(ExperimentSpec.model_validate(SPEC))
    told = expand(ExperimentSpec.model_validate({**SPEC, "report_to": [*TRACKERS]}))
    assert [run.model_dump() for run in told] == [run.model_dump() for run in plain]
    assert [run.gradient_key() for run in told] == [run.gradient_key() for run in plain]
    assert "report_to" not in RunSpec.model_fields
    groups = {"plain": [run.model_dump() for run in plain], "told": [r.model_dump() for r in told]}
    assert diff.between(groups) == []


def refused(report_to: Any, **more: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate({**SPEC, **more, "report_to": report_to})
    (problem,) = problems(caught.value.errors())
    return problem


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    problem = refused(["mlflow", "comet_ml"])
    assert (problem["path"], problem["value"]) == ("report_to.1", "comet_ml")
    assert problem["message"] == f"allowed: {', '.join(TRACKERS)}"


def test_so_are_too_many_before_each_of_them_is_looked_at() -> None:
    assert refused(["x"] * 1000)["message"] == "1000 trackers are too many; allowed: up to 10"


def test_runs_that_take_milliseconds_are_not_mirrored() -> None:
    problem = refused(["mlflow"], task="teacher-student")
    assert (problem["path"], problem["value"]) == ("report_to", "mlflow")
    assert "allowed: none" in problem["message"]


def test_a_name_counts_once_and_none_is_the_default() -> None:
    assert ExperimentSpec().report_to == ()
    twice = ExperimentSpec.model_validate({**SPEC, "report_to": ["mlflow", "wandb", "mlflow"]})
    assert twice.report_to == ("mlflow", "wandb")


def test_recipes_of_the_experiment_have_it_and_that_of_one_run_has_not() -> None:
    spec = ExperimentSpec.model_validate({**SPEC, "report_to": ["tensorboard"]})
    assert read_yaml(as_yaml(spec))["report_to"] == ["tensorboard"]
    assert "mirrored(run(each), each, report_to=spec.report_to" in as_python(spec)
    compile(as_python(spec), "recipe", "exec")
    assert "mirrored" not in as_python(ExperimentSpec())
    assert alone(expand(spec)[0], "alone").report_to == ()
