"""A run that memory is not enough for names the setting that helps where it ran out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from loraone.events import Failed
from loraone.memory import ran_out
from loraone.runs.run import run
from loraone.spec.experiment import ExperimentSpec, expand
from tests.conftest import tiny_run
from tests.loraone.training import out_of_memory


def failed(
    folder: Path,
    texts: Path,
    too_large: Any,
    error: type[RuntimeError] = torch.OutOfMemoryError,
    method: str = "lora",
    **sections: Any,
) -> Failed:
    training = {"steps": 2, "batch_size": 8, **sections.pop("training", {})}
    with out_of_memory.where(too_large, error):
        ended = list(run(tiny_run(folder, texts, method, training=training, **sections)))[-1]
    assert isinstance(ended, Failed), ended
    assert ended.code == "training-stopped"
    assert out_of_memory.SAID in ended.message and "More advice" not in ended.message
    return ended


@pytest.mark.parametrize(
    ("training", "field", "value", "hint"),
    [
        ({}, "gradient_accumulation", "1", "gradient_accumulation to 2"),
        ({"gradient_accumulation": 3}, "gradient_accumulation", "3", "gradient_accumulation to 6"),
        ({"gradient_accumulation": 6}, "gradient_accumulation", "6", "gradient_accumulation to 8"),
        ({"gradient_accumulation": 8}, "checkpointing", "False", "set training.checkpointing"),
    ],
)
def test_a_training_step(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    training: dict[str, Any],
    field: str,
    value: str,
    hint: str,
) -> None:
    ended = failed(
        tiny_models["llama"],
        texts_csv,
        lambda blocks, texts: out_of_memory.training(blocks),
        training=training,
    )
    assert (ended.field, ended.value) == (f"training.{field}", value)
    assert hint in (ended.hint or "")
    assert "phase train" in ended.message


def test_a_training_step_of_one_text_in_recomputed_blocks(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    ended = failed(
        tiny_models["llama"],
        texts_csv,
        lambda blocks, texts: out_of_memory.training(blocks),
        training={"gradient_accumulation": 8, "checkpointing": True},
    )
    assert (ended.field, ended.hint) == ("data.max_length", "set data.max_length to 8")


@pytest.mark.parametrize("arch", ["llama", "bert"])
@pytest.mark.parametrize("steps", [0, 1])
def test_an_evaluation(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, steps: int
) -> None:
    passes = []

    def too_large(blocks: Any, texts: int) -> bool:
        passes.append(out_of_memory.training(blocks))
        return sum(passes) >= steps and not torch.is_grad_enabled() and texts > 3

    ended = failed(tiny_models[arch], texts_csv, too_large, training={"eval_every": 1})
    assert ended.field == "training.eval_batch_tokens"
    assert "in an evaluation, at a batch of " in ended.message
    texts, width = ended.message.split("batch of ")[1].split(" tokens")[0].split(" × ")
    assert ended.hint == f"set training.eval_batch_tokens to {int(texts) // 2 * int(width)}"


def test_an_evaluation_of_one_text(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    ended = failed(
        tiny_models["bert"],
        texts_csv,
        lambda blocks, texts: not torch.is_grad_enabled() and texts != 2,
        training={"eval_batch_tokens": 1},
    )
    assert ended.field == "data.max_length"


@pytest.mark.parametrize(
    ("gradient", "field"),
    [
        ({"micro_batch": 8}, "micro_batch"),
        ({"micro_batch": 1}, "checkpointing"),
        ({"micro_batch": 1, "checkpointing": True}, "strategy"),
    ],
)
def test_the_gradient(
    tiny_models: dict[str, Path], texts_csv: Path, gradient: dict[str, Any], field: str
) -> None:
    ended = failed(
        tiny_models["llama"],
        texts_csv,
        lambda blocks, texts: torch.is_grad_enabled() and not blocks.training,
        gradient={"samples": 16, **gradient},
    )
    assert ended.field == f"gradient.{field}"


def test_the_warm_up_of_the_head(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    ended = failed(
        tiny_models["bert"],
        texts_csv,
        lambda blocks, texts: torch.is_grad_enabled() and not blocks.training,
        gradient={"samples": 16, "head_warmup_steps": 2},
    )
    assert (ended.field, ended.hint) == ("training.batch_size", "set training.batch_size to 4")


def test_the_hessian(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    ended = failed(
        tiny_models["llama"],
        texts_csv,
        lambda blocks, texts: torch.is_grad_enabled() and not blocks.training and texts == 5,
        measure={"held_out_samples": 8, "hessian": True, "hessian_samples": 5},
    )
    assert (ended.field, ended.value) == ("measure.hessian_samples", "5")


@pytest.mark.parametrize(
    ("error", "whose"), [(torch.OutOfMemoryError, "the device"), (RuntimeError, "the host")]
)
def test_the_loading(
    tiny_models: dict[str, Path], texts_csv: Path, error: type[RuntimeError], whose: str
) -> None:
    ended = failed(tiny_models["llama"], texts_csv, lambda blocks, texts: True, error)
    assert (ended.field, ended.value) == ("model.dtype", "float32")
    assert ended.message.startswith(f"{whose} ran out of memory in the phase load")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_a_pass_of_a_method_over_the_texts(
    tiny_models: dict[str, Path], texts_csv: Path, error: type[RuntimeError]
) -> None:
    ended = failed(
        tiny_models["bert"],
        texts_csv,
        lambda blocks, texts: texts == 1,
        error,
        "corda",
        model={"id": str(tiny_models["bert"]), "targets": ["query"]},
    )
    assert ended.field == "model.targets"
    assert "phase init" in ended.message


class _SoManySamples(TorchDispatchMode):
    """Has no memory for a tensor of 99 rows."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = function(*args, **(kwargs or {}))
        if isinstance(given, torch.Tensor) and 99 in given.shape:
            raise torch.OutOfMemoryError(out_of_memory.SAID)
        return given


def test_a_teachers_problem() -> None:
    spec = {"task": "teacher-student", "problem": {"samples": 99}, "methods": ["lora"]}
    with _SoManySamples():
        ended = list(run(expand(ExperimentSpec.model_validate(spec))[0]))[-1]
    assert isinstance(ended, Failed)
    assert (ended.field, ended.hint) == ("problem.samples", "set problem.samples to 49")


def test_what_the_cpus_allocator_raises_is_known_and_other_errors_are_not() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**45)
    assert ran_out(refused.value)
    assert ran_out(MemoryError())
    with pytest.raises(RuntimeError) as other:
        torch.empty(2) @ torch.empty(3)
    assert not ran_out(other.value)
