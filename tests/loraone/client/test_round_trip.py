"""A spec comes back from a server as the one that was launched, whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loraone import Client, ExperimentSpec
from loraone.catalog import METHODS, OPTIMIZERS
from tests.loraone.client.conftest import Lab

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
rates = st.floats(1e-9, 9.9, allow_subnormal=False)
methods = st.fixed_dictionaries(
    {"name": st.sampled_from([row.name for row in METHODS.values() if row.synthetic])},
    optional={
        "learning_rates": st.lists(rates, min_size=1, max_size=2, unique=True),
        "optimizer": st.sampled_from([*OPTIMIZERS]),
    },
)
specs = st.fixed_dictionaries(
    {
        "task": st.just("teacher-student"),
        "name": words,
        "description": words | st.just(""),
        "methods": st.lists(methods, min_size=1, max_size=2, unique_by=lambda row: row["name"]),
        "grid": st.fixed_dictionaries(
            {"learning_rates": st.lists(rates, min_size=1, max_size=2, unique=True)},
            optional={
                "ranks": st.lists(st.integers(1, 8), min_size=1, max_size=2, unique=True),
                "seeds": st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=2, unique=True),
            },
        ),
        "training": st.fixed_dictionaries(
            {"steps": st.integers(10, 10**6), "weight_decay": st.floats(0, 1)},
            optional={"schedule": st.sampled_from(["linear", "cosine", "constant"])},
        ),
    },
    optional={"problem": st.fixed_dictionaries({"noise": st.floats(0, 1)})},
)


@pytest.fixture(scope="module")
def client(lab: Lab) -> Any:
    with lab.paused():
        yield lab.client()


@given(specs)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_a_spec_comes_back_as_it_was_launched(client: Client, document: dict[str, Any]) -> None:
    try:
        spec = ExperimentSpec.model_validate(document)
    except ValidationError:
        assume(False)
        raise
    launched = client.launch(spec)
    assert launched.spec == spec
    assert launched.name == spec.name
    assert client.launch(document).spec == spec
    for experiment in client.experiments(limit=2):
        experiment.cancel()
