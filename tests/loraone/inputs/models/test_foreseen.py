"""What a plan foresees from headers is what the loaded model then says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from loraone.errors import ModelError
from loraone.inputs.models import loading
from loraone.inputs.models.foreseen import foresee, foresee_runs
from loraone.spec.experiment import ExperimentSpec, expand
from tests.conftest import tiny_experiment, tiny_run
from tests.loraone.inputs.models.checkpoints import (
    CHECKPOINTS,
    CLASSIFIES,
    TASK_OF,
    WRITES,
    copied,
    reconfigured,
    reweighted,
    saved,
    without,
)
from tests.loraone.methods.tiny import EMBEDDINGS, refused

CPU = torch.device("cpu")
TASKS = {"bert": CLASSIFIES, "gpt2": WRITES, "llama": WRITES, "t5": "seq2seq-lm"}


def experiment(folder: Path, data: Path, task: str, **changes: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(tiny_experiment(folder, data, task=task, **changes))


LACKING = [
    ("bert", ["q_proj"]),
    ("bert", ["query", "value_proj"]),
    ("bert", ["LayerNorm"]),
    ("bert", ["quer"]),
    ("bert", ["bert.encoder.layer.2.attention.self.query"]),
    ("bert", ["lm_head"]),
    ("gpt2", ["query"]),
    ("gpt2", ["ln_1"]),
    ("llama", ["c_attn"]),
    ("llama", ["dense"]),
    ("llama", ["model.layers.9.self_attn.q_proj"]),
    ("t5", ["q_proj"]),
]


@pytest.mark.parametrize(("name", "targets"), LACKING)
def test_a_target_that_the_model_lacks_is_foreseen_in_the_words_of_the_run(
    name: str, targets: list[str], tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    folder, task = tiny_models[name], TASKS[name]
    model = {"id": str(folder), "targets": targets}
    (error,) = foresee(experiment(folder, texts_csv, task, model=model))
    failed = refused(tiny_run(folder, texts_csv, task=task, model=model))
    assert error.field == failed.field == "model.targets"
    assert str(error.value) == failed.value == targets[-1]
    start = f"no linear layer of {folder} is named {targets[-1]!r}; it has: "
    assert error.message.startswith(start)
    assert failed.message.startswith(start)
    assert error.allowed


def kinds(name: str, task: str, folder: Path) -> list[str]:
    """The last names of all layers that the loaded model lets one adapt."""
    loaded = loading.load(tiny_run(folder, folder, task=task).model, task, 2, CPU)
    wanted = (torch.nn.Linear, torch.nn.Embedding)
    return sorted(
        {
            path
            for path, module in loaded.model.named_modules()
            if isinstance(module, wanted) or type(module).__name__ == "Conv1D"
        }
    )


@pytest.mark.parametrize(
    "name", [name for name in CHECKPOINTS if name not in ("xlnet", "bert-mlm")]
)
def test_no_layer_that_the_model_has_is_called_lacking(
    name: str, texts_csv: Path, tmp_path: Path
) -> None:
    folder, task = saved(name, tmp_path / name), TASK_OF[name]
    for path in kinds(name, task, folder):
        for target in {path, path.rsplit(".", 1)[-1]}:
            model = {"id": str(folder), "targets": [target]}
            assert foresee(experiment(folder, texts_csv, task, model=model)) == [], target


@pytest.mark.parametrize("name", TASKS)
def test_a_whole_model_has_nothing_foreseen(
    name: str, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    task = TASKS[name]
    for targets in ("all-linear", EMBEDDINGS[name]):
        model = {"id": str(tiny_models[name]), "targets": targets}
        spec = experiment(tiny_models[name], texts_csv, task, model=model)
        assert foresee(spec) == []
        assert foresee_runs(spec, expand(spec)) == [None]


def test_the_demo_model_has_nothing_foreseen() -> None:
    spec = ExperimentSpec.model_validate({"methods": ["lora", "lora_ga"]})
    assert foresee(spec) == []
    assert foresee_runs(spec, expand(spec)) == [None, None]
    whole = "bert.encoder.layer.0.attention.self.query"
    assert foresee(ExperimentSpec.model_validate({"model": {"targets": [whole, "dense"]}})) == []


def test_a_model_that_is_not_on_this_machine_is_not_judged() -> None:
    model = {"id": "nobody/nothing", "targets": ["query"]}
    spec = ExperimentSpec.model_validate({"model": model})
    assert foresee(spec) == []
    assert set(foresee_runs(spec, expand(spec))) == {None}


def longer_table(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    (key,) = (key for key in weights if key.endswith("word_embeddings.weight"))
    return weights | {key: torch.zeros(99, 16)}


Change = Callable[[Path], Path]
PARTIAL: dict[str, tuple[str, str, Change, list[str]]] = {
    "last block": (
        "bert",
        CLASSIFIES,
        lambda folder: reweighted(folder, without("layer.1.")),
        ["bert.encoder.layer.1", "of 2 blocks"],
    ),
    "first block": (
        "gpt2",
        WRITES,
        lambda folder: reweighted(folder, without("h.0.")),
        ["transformer.h.0"],
    ),
    "first block of a decoder": (
        "t5",
        "seq2seq-lm",
        lambda folder: reweighted(folder, without("decoder.block.0.")),
        ["decoder.block.0"],
    ),
    "more blocks in the configuration": (
        "llama",
        WRITES,
        lambda folder: reconfigured(folder, num_hidden_layers=4),
        ["model.layers.2, 3 of 4 blocks"],
    ),
    "another vocabulary": (
        "bert",
        CLASSIFIES,
        lambda folder: reweighted(folder, longer_table),
        ["has 99 rows", "vocab_size 21"],
    ),
    "an encoder": ("bert", WRITES, lambda folder: folder, ["is an encoder"]),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_weights_that_would_be_drawn_are_foreseen(
    case: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    name, task, change, words = PARTIAL[case]
    folder = change(copied(tiny_models[name], tmp_path / name))
    (error,) = foresee(experiment(folder, texts_csv, task))
    assert isinstance(error, ModelError)
    assert error.field == "model.id"
    assert all(word in error.message for word in words), error.message
    assert refused(tiny_run(folder, texts_csv, task=task)).code == "model-not-usable"


@pytest.mark.parametrize(
    ("name", "changes", "fields"),
    [
        ("bert", {"methods": ["lora", "lora_ga"], "grid": {"ranks": [4, 9, 17]}},
         [None, None, None, "grid.ranks.1", "grid.ranks.2", "grid.ranks.2"]),
        ("gpt2", {"methods": ["lora"], "grid": {"ranks": [16, 17]}}, [None, "grid.ranks.1"]),
        ("gpt2", {"methods": ["lora", "olora", "pissa"]}, [None, "methods.1.name", None]),
        ("llama", {"grid": {"ranks": [8]},
         "model": {"targets": ["k_proj"]}}, [None]),
        ("llama", {"grid": {"ranks": [9]}, "model": {"targets": ["k_proj"]}}, ["grid.ranks.0"]),
    ],
)  # fmt: skip
def test_runs_that_the_layers_do_not_allow_are_foreseen_one_by_one(
    name: str,
    changes: dict[str, Any],
    fields: list[str | None],
    tiny_models: dict[str, Path],
    texts_csv: Path,
) -> None:
    model = {"id": str(tiny_models[name]), **changes.pop("model", {})}
    spec = experiment(tiny_models[name], texts_csv, TASKS[name], model=model, **changes)
    runs = expand(spec)
    errors = foresee_runs(spec, runs)
    assert [None if error is None else error.field for error in errors] == fields
    for run, error in zip(runs, errors, strict=True):
        if error is not None:
            # The headers are in another order: another of the narrowest layers may be named.
            words, _, allowed = refused(run).message.partition(" of layer ")
            assert error.message.startswith(words)
            assert allowed.split(";")[-1] == error.message.split(";")[-1] or not allowed
