"""A run that was interrupted comes to the same end as one that was not, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loraone.events import Finished, Metric
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.runs.interrupted import AT_EVERY_STEP, killed, rest, result, resumed_at, until
from tests.loraone.runs.told import fresh

TRAINING = {"steps": 6, "batch_size": 8, "warmup_steps": 2, "eval_every": 2}

# A method, its optimiser, the model, its format, and what else is asked for.
CASES: dict[str, tuple[Any, str, str, str, dict[str, Any]]] = {
    "dropout": ("lora", "adamw", "bert", "float32", {"adapter": {"dropout": 0.3}}),
    "bf16 head": ("lora", "loraplus", "bert", "bfloat16", {}),
    "lora+": ("lora_one", "loraplus", "bert", "float32", {}),
    "lora-fa": ("lora", "lorafa", "llama", "float32", {}),
    "riemannian": ("lora_one", "riemannian", "llama", "bfloat16", {}),
    "sgd": ("lora_one", "sgd", "gpt2", "float32", {}),
    "parts": ("lora", "adamw", "llama", "float32", {"gradient_accumulation": 3}),
    "pissa": ("pissa", "adamw", "gpt2", "bfloat16", {}),
    "lora-sb": ("lora_sb", "adamw", "llama", "float32", {}),
    "mica": ("mica", "adamw", "llama", "float32", {}),
    "eva": ("eva", "adamw", "llama", "float32", {}),
    "corda": ("corda", "adamw", "llama", "float32", {}),
    "dora": ("lora_one", "adamw", "llama", "float32", {"adapter": {"dora": True}}),
    "full": ("full", "adamw", "bert", "float32", {}),
    "full bf16": ("full", "adamw", "llama", "bfloat16", {}),
}


def of_case(name: str, models: dict[str, Path], texts: Path) -> RunSpec:
    method, optimizer, model, dtype, more = CASES[name]
    parts = {key: more[key] for key in more if key == "gradient_accumulation"}
    return tiny_run(
        models[model],
        texts,
        method,
        model={"id": str(models[model]), "dtype": dtype},
        training={**TRAINING, "optimizer": optimizer, **parts},
        **{key: more[key] for key in more if key not in parts},
    )


@pytest.mark.parametrize("name", CASES)
def test_what_is_interrupted_ends_as_what_never_was(
    name: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = of_case(name, tiny_models, texts_csv), tmp_path / "kept"
    until(spec, folder, 3)
    last = rest(spec, folder)
    assert resumed_at(last) == [3]
    assert result(last) == fresh(spec)
    assert not folder.exists()


def test_it_may_be_interrupted_again_and_again(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = of_case("dropout", tiny_models, texts_csv), tmp_path / "kept"
    workspace = Workspace("cpu")  # of a worker that lives on
    attempts = [until(spec, folder, step, workspace) for step in (0, 1, 5, 6)]
    attempts.append(rest(spec, folder, workspace))
    assert [resumed_at(said) for said in attempts] == [[], [0], [1], [5], [6]]
    assert result(attempts[-1]) == fresh(spec)
    seconds = [event.seconds for event in attempts[-1] if isinstance(event, Metric)]
    assert seconds == sorted(seconds)


def test_a_run_that_died_goes_on_from_its_last_checkpoint(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec, folder = of_case("lora-sb", tiny_models, texts_csv), tmp_path / "kept"
    often = spec.model_copy(
        update={"training": spec.training.model_copy(update={"checkpoint_minutes": AT_EVERY_STEP})}
    )
    said = killed(often, folder, 4)
    assert max(event.step for event in said if isinstance(event, Metric)) == 4
    last = rest(spec, folder)  # how often they are kept is no part of what was asked
    assert resumed_at(last) == [3]
    assert result(last) == fresh(spec)


@pytest.mark.parametrize("name", ["pissa", "lora_one", "eva", "corda", "loftq", "full"])
def test_nothing_of_the_init_is_computed_again(
    name: str,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, name, training=TRAINING)
    until(spec, tmp_path / "kept", 2)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was computed again")

    for place in (
        "loraone.runs.workspace.compute_start",
        "loraone.runs.workspace.compute_triplets",
        "loraone.runs.workspace.measure_weights",
        "loraone.gradient.computation.GradientComputation.gradients",
        "loraone.gradient.computation.GradientComputation.triplets",
        "loraone.runs.initialisation.initialise",
        "loraone.methods.eva.data_pass.prepare",
        "loraone.methods.corda.data_pass.prepare",
        "peft.tuners.lora.layer.LoraLayer.pissa_init",
        "peft.tuners.lora.layer.LoraLayer.corda_init",
        "loraone.measure.evaluator.Evaluator.held_out",
    ):
        monkeypatch.setattr(place, never)
    last = rest(spec, tmp_path / "kept")
    assert isinstance(last[-1], Finished), last[-1]
    assert resumed_at(last) == [2]
