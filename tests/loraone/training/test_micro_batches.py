"""A step in parts is the step at once; one that does not fit is divided where the run asked so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import Event, Failed, Metric, Note
from loraone.inputs.data.batches import Encoded
from loraone.inputs.models.loss import dtype_of, mean_loss
from loraone.runs.run import run
from loraone.spec.experiment import RunSpec
from loraone.spec.training import texts_of_part
from loraone.training.half_precision import Float32Steps
from loraone.training.micro_batches import MicroBatches
from tests.conftest import tiny_run
from tests.loraone.inputs.models.language_models import MODELS, WORDS, drawn
from tests.loraone.methods.tiny import ARCHITECTURES, CPU
from tests.loraone.training import out_of_memory

TRAINING = {"steps": 3, "batch_size": 8, "eval_every": 2}


def told(spec: RunSpec) -> list[Event]:
    found = list(run(spec))
    assert not isinstance(found[-1], Failed), found[-1]
    return found


def measured(found: list[Event]) -> list[dict[str, float]]:
    """What every step came to, without how long it took."""
    return [dict(event.values) for event in found if isinstance(event, Metric)]


def spec_of(folder: Path, texts: Path, method: Any = "lora", **training: Any) -> RunSpec:
    return tiny_run(folder, texts, method, training={**TRAINING, **training})


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_of_parts_of_unequal_lengths_is_that_of_the_whole(name: str) -> None:
    model = drawn(name)
    draw = torch.Generator().manual_seed(0)
    lengths = (3, 11, 7, 2, 9)
    ids = tuple(tuple(torch.randint(3, WORDS, (n,), generator=draw).tolist()) for n in lengths)
    both = bool(model.config.is_encoder_decoder)
    data = Encoded(ids, ids if both else (0,) * len(ids), not both, 0)
    parameters = [p for p in model.parameters() if p.requires_grad]
    descent = Float32Steps(torch.optim.SGD(parameters), parameters, dtype_of(model))
    rows = [4, 0, 2, 1, 3]
    whole = float(mean_loss(model, data.batch(rows, CPU)).detach())
    expected: list[torch.Tensor] = []
    for parts in (1, 2, 5, 9):
        taken = MicroBatches(model, data, rows, parts, CPU)
        descent.backward(lambda taken=taken: taken.losses(float), float("inf"))
        assert taken.value == pytest.approx(whole, rel=2e-6)
        assert taken.tokens == sum(lengths)
        found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
        expected = expected or found
        scale = max(float(gradient.abs().max()) for gradient in expected)
        for ours, theirs in zip(found, expected, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6 * scale)


def test_parts_are_as_even_as_can_be_and_none_is_empty() -> None:
    assert [texts_of_part(16, parts) for parts in (1, 2, 3, 16, 100)] == [16, 8, 6, 1, 1]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_in_parts_comes_to_the_same(
    tiny_models: dict[str, Path], texts_csv: Path, method: str
) -> None:
    whole, *others = (
        measured(told(spec_of(tiny_models["llama"], texts_csv, method, gradient_accumulation=n)))
        for n in (1, 3, 4096)
    )
    for other in others:
        for ours, theirs in zip(other, whole, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_recomputed_blocks_change_nothing_dropout_included(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, method: str
) -> None:
    kept, again = (
        measured(told(spec_of(tiny_models[arch], texts_csv, method, checkpointing=checkpointing)))
        for checkpointing in (False, True)
    )
    for ours, theirs in zip(again, kept, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("arch", ["bert", "gpt2", "llama"])
def test_a_step_that_does_not_fit_is_divided_and_repeated_as_if_it_had_been_so_from_the_start(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str
) -> None:
    spec = spec_of(tiny_models[arch], texts_csv, halve_on_oom=True)
    with out_of_memory.where(lambda blocks, texts: out_of_memory.training(blocks) and texts > 2):
        found = told(spec)
    notes = [e.message for e in found if isinstance(e, Note) and "did not fit" in e.message]
    assert [note.split(" (")[0] for note in notes] == [
        "a step of 8 texts did not fit 8 at a time",
        "a step of 8 texts did not fit 4 at a time",
    ]
    assert all(out_of_memory.SAID in note for note in notes)
    assert "2 at a time (training.gradient_accumulation 4)" in notes[1]
    from_the_start = spec_of(tiny_models[arch], texts_csv, gradient_accumulation=4)
    assert measured(found) == measured(told(from_the_start))


def test_a_text_that_does_not_fit_alone_ends_the_run(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(tiny_models["llama"], texts_csv, halve_on_oom=True)
    with out_of_memory.where(lambda blocks, texts: out_of_memory.training(blocks)):
        ended = list(run(spec))[-1]
    assert isinstance(ended, Failed)
    assert "ran out of memory in the phase train" in ended.message
