"""A run whose model cannot be computed with stops with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import tiny_run
from tests.loraone.methods.tiny import refused


@pytest.mark.parametrize(
    ("dtype", "gamma"), [("float32", 1e-36), ("bfloat16", 1e-36), ("float16", 1e-9)]
)
def test_an_initialisation_that_leaves_no_finite_loss_is_said_before_the_first_step(
    tiny_models: dict[str, Path], texts_csv: Path, dtype: str, gamma: float
) -> None:
    spec = tiny_run(
        tiny_models["llama"],
        texts_csv,
        {"name": "lora_one", "params": {"gamma": gamma}},
        model={"id": str(tiny_models["llama"]), "dtype": dtype},
    )
    ended = refused(spec)
    assert (ended.code, ended.field) == ("training-stopped", "method.params")
    assert "before the first step" in ended.message
    assert "larger γ" in (ended.hint or "")


def test_a_head_whose_warm_up_diverges_is_said_with_its_learning_rate(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(
        tiny_models["bert"],
        texts_csv,
        model={"id": str(tiny_models["bert"]), "dtype": "float16"},
        gradient={"samples": 8, "head_warmup_steps": 5},
    )
    bad = spec.model_copy(
        update={"gradient": spec.gradient.model_copy(update={"head_learning_rate": 1e5})}
    )
    ended = refused(bad)
    assert (ended.code, ended.field) == ("training-stopped", "gradient.head_learning_rate")
