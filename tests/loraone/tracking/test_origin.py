"""What a mirrored run is called and what it is said to be."""

from __future__ import annotations

import pytest

from loraone.spec.experiment import RunSpec
from loraone.tracking.origin import Origin


def test_experiment_and_run_are_found_by_name_number_and_attempt(spec: RunSpec) -> None:
    origin = Origin.of(spec, "Ranks", experiment_id=5, run_id=7, attempt=2)
    assert origin.group == "5 Ranks"
    assert origin.title == "7 LoRA r=8 lr=0.001 seed=3, attempt 2"
    assert origin.tags["loraone.attempt"] == "2"
    assert "loraone.url" not in origin.tags


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("..", "_"),
        ("../../etc", "_.._etc"),
        ("a'; DROP", "a__ DROP"),
        ("Größe κ", "Größe κ"),
        ("a\nb\0", "a_b_"),
        ("x" * 200, "x" * 99 + "…"),
    ],
)
def test_a_name_is_one_that_folders_and_queries_take(spec: RunSpec, name: str, group: str) -> None:
    assert Origin.of(spec, name).group == group


def test_the_configuration_is_flat_and_has_method_rank_seed_rate_and_nothing_unread(
    spec: RunSpec,
) -> None:
    config = Origin.of(spec, "x").config
    asked = {"method": "LoRA", "rank": 8, "seed": 3, "learning_rate": 1e-3}
    assert asked.items() <= config.items()
    assert config["training.steps"] == spec.training.steps
    assert not [path for path in config if path.startswith("problem.")]
    assert {type(value) for value in config.values()} <= {str, int, float, bool}
