"""A grid is counted by multiplication before anything of it is made."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loraone.spec.experiment import MAX_PROBLEMS, MAX_RUNS, ExperimentSpec, expand
from tests.busy import busy

RATES = st.lists(st.sampled_from([1e-4, 1e-3, 1e-2]), min_size=1, max_size=4)
METHOD = st.one_of(
    st.sampled_from(["lora", "pissa", "full"]),
    st.fixed_dictionaries({"name": st.sampled_from(["lora", "full"]), "learning_rates": RATES}),
    st.builds(lambda g: {"name": "lora_one", "params": {"gamma": g}}, st.sampled_from([1, 128, 2])),
)


@given(
    methods=st.lists(METHOD, min_size=1, max_size=5),
    ranks=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    rates=RATES,
    seeds=st.lists(st.integers(0, 2), min_size=1, max_size=3),
    swept=st.none() | st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=4),
)
def test_the_count_is_the_number_of_runs_that_are_made(
    methods: list[Any], ranks: list[int], rates: list[float], seeds: list[int], swept: Any
) -> None:
    spec = ExperimentSpec.model_validate(
        {
            "task": "sequence-classification" if swept is None else "teacher-student",
            "methods": [m for m in methods if swept is None or m != "pissa"] or ["lora"],
            "grid": {"ranks": ranks, "learning_rates": rates, "seeds": seeds},
            "sweep": None if swept is None else {"parameter": "noise", "values": swept},
        }
    )
    assert spec.run_count == len(expand(spec))


def large(side: int, **changes: Any) -> dict[str, Any]:
    rates = [i / side for i in range(1, side + 1)]
    grid = {"seeds": [*range(side)], "ranks": [*range(1, side + 1)], "learning_rates": rates}
    return {"task": "causal-lm", "methods": ["lora"], "grid": grid, **changes}


GAMMAS = [{"name": "lora_one", "params": {"gamma": i}} for i in range(1, 101)]
MANY: dict[str, tuple[dict[str, Any], int, int]] = {
    "a million": (large(100), 10**6, MAX_RUNS),
    "a thousand millions": (large(1000), 10**9, MAX_RUNS),
    "a hundred methods": (large(100, methods=GAMMAS), 10**8, MAX_RUNS),
    "full tuning, without ranks": (large(1000, methods=["full"]), 10**6, MAX_RUNS),
    "one method's own rates": (
        large(1000, methods=[{"name": "lora", "learning_rates": [i / 999 for i in range(1, 10)]}]),
        9 * 10**6,
        MAX_RUNS,
    ),
    "problems with a sweep": (
        large(
            40,
            task="teacher-student",
            sweep={"parameter": "noise", "values": [i / 2 for i in range(200)]},
        ),
        200 * 40**3,
        MAX_PROBLEMS,
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_a_grid_of_any_size_is_refused_with_its_number_at_once(name: str) -> None:
    document, count, most = MANY[name]
    began = time.process_time()
    with pytest.raises(ValidationError, match=f"has {count} runs; allowed: 1 to {most}"):
        ExperimentSpec.model_validate(document)
    assert time.process_time() - began < 0.5 * busy()


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [("samples", 1.5, "valid integer"), ("condition", 0, "greater than or equal to 1"),
     ("true_rank", 99, "r\\* = 99"), ("scaling", 0, "greater than 0")],
)  # fmt: skip
def test_a_swept_value_that_the_problem_cannot_have_is_named(
    parameter: str, value: float, reason: str
) -> None:
    sweep = {"parameter": parameter, "values": [1, value]}
    with pytest.raises(ValidationError, match=f"{parameter}: .*{reason}") as raised:
        ExperimentSpec.model_validate({"task": "teacher-student", "sweep": sweep})
    assert raised.value.errors()[0]["ctx"]["at"] == "sweep.values.1"
