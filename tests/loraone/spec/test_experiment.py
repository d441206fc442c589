"""Specs: bounds, messages, expansion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loraone.catalog import METHODS
from loraone.spec.experiment import MAX_RUNS, ExperimentSpec, RunSpec, expand
from loraone.spec.presets import PRESETS
from loraone.spec.validation import problems


def wrong(data: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate(data)
    return problems(caught.value.errors())


@pytest.mark.parametrize(
    ("data", "path", "value", "allowed"),
    [
        ({"grid": {"ranks": [0]}}, "grid.ranks.0", 0, "1 to 4096"),
        ({"grid": {"learning_rates": [1e-3, -1]}}, "grid.learning_rates.1", -1, "above 0 to 10"),
        ({"training": {"batch_size": 0}}, "training.batch_size", 0, "1 to 4096"),
        ({"training": {"schedule": "zigzag"}}, "training.schedule", "zigzag", "linear, cosine"),
        ({"adapter": {"dropout": 1}}, "adapter.dropout", 1, "0 to 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_the_allowed_range(
    data: dict[str, Any], path: str, value: object, allowed: str
) -> None:
    (problem,) = wrong(data)
    assert problem["path"] == path
    assert problem["value"] == value
    assert allowed in problem["allowed"]


def test_an_unknown_method_is_answered_with_the_known_ones() -> None:
    (problem,) = wrong({"methods": ["lora", "loro"]})
    assert problem["path"] == "methods.1.name"
    assert problem["value"] == "loro"
    assert all(name in problem["message"] for name in METHODS)


def test_a_wrong_method_parameter_is_marked_at_the_parameter() -> None:
    (problem,) = wrong({"methods": [{"name": "lora_one", "params": {"gamma": -3}}]})
    assert problem["path"] == "methods.0.params.gamma"


def test_an_unknown_field_is_refused() -> None:
    (problem,) = wrong({"trainig": {}})
    assert problem["path"] == "trainig"


def test_a_grid_above_the_limit_is_refused_with_its_size() -> None:
    (problem,) = wrong({"methods": ["lora"], "grid": {"seeds": list(range(MAX_RUNS + 1))}})
    assert problem["path"] == "grid"
    assert str(MAX_RUNS + 1) in problem["message"]


def test_every_method_meets_every_combination_and_full_tuning_ignores_ranks() -> None:
    spec = ExperimentSpec.model_validate(
        {
            "methods": ["lora", {"name": "full", "learning_rates": [1e-5]}],
            "grid": {"ranks": [4, 8], "learning_rates": [1e-3, 1e-2], "seeds": [0, 1]},
        }
    )
    runs = expand(spec)
    assert len([run for run in runs if run.method.name == "lora"]) == 2 * 2 * 2
    full = [run for run in runs if run.method.name == "full"]
    assert [(run.learning_rate, run.seed) for run in full] == [(1e-5, 0), (1e-5, 1)]


def test_seeds_come_last_so_that_complete_comparisons_come_first() -> None:
    spec = ExperimentSpec.model_validate({"methods": ["lora", "pissa"], "grid": {"seeds": [0, 1]}})
    assert [run.seed for run in expand(spec)] == [0, 0, 1, 1]


def test_the_same_choice_twice_runs_once() -> None:
    spec = ExperimentSpec.model_validate({"methods": ["lora", "lora"], "grid": {"ranks": [8, 8]}})
    assert len(expand(spec)) == 1


@given(
    ranks=st.lists(st.integers(1, 64), min_size=1, max_size=3, unique=True),
    rates=st.lists(st.floats(1e-6, 1), min_size=1, max_size=3, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
)
def test_runs_survive_json_and_their_number_is_the_product(
    ranks: list[int], rates: list[float], seeds: list[int]
) -> None:
    spec = ExperimentSpec.model_validate(
        {
            "methods": ["lora", "lora_one"],
            "grid": {"ranks": ranks, "learning_rates": rates, "seeds": seeds},
        }
    )
    runs = expand(spec)
    assert len(runs) == 2 * len(ranks) * len(rates) * len(seeds)
    assert all(RunSpec.model_validate_json(run.model_dump_json()) == run for run in runs)


def test_gradients_are_shared_across_methods_ranks_and_rates_but_not_seeds() -> None:
    spec = ExperimentSpec.model_validate(
        {"grid": {"ranks": [4, 8], "learning_rates": [1e-3, 1e-2], "seeds": [0, 1]}}
    )
    assert len({run.gradient_key() for run in expand(spec)}) == 2


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_small_enough(name: str) -> None:
    spec = PRESETS[name].spec
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec
    assert 1 <= len(expand(spec)) <= MAX_RUNS


def test_values_that_look_alike_are_runs_of_their_own() -> None:
    close = [1.0, 1.0000001, 1.0000002]
    spec = ExperimentSpec.model_validate(
        {"methods": [{"name": "lora_one", "params": {"gamma": gamma}} for gamma in close]}
    )
    runs = expand(spec)
    assert {run.method.params["gamma"] for run in runs} == set(close)
    assert len({run.label for run in runs}) == 3
    assert spec.run_count == len(runs)


def test_swept_values_that_look_alike_are_problems_of_their_own() -> None:
    sweep = {"parameter": "condition", "values": [10.0, 10.000001]}
    spec = ExperimentSpec.model_validate(
        {"task": "teacher-student", "methods": ["lora"], "sweep": sweep}
    )
    runs = expand(spec)
    assert {run.problem.condition for run in runs} == {10.0, 10.000001}
    assert spec.run_count == len(runs)
