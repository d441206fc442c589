"""Evaluations take as many tokens at a time as are asked for, and come to the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import Metric
from loraone.inputs.data.batches import BatchSize, Encoded
from loraone.inputs.models.loss import MOST_LOGITS
from loraone.runs.run import run
from loraone.spec.training import TrainingSpec
from loraone.training.evaluation import evaluate, evaluation_batch, logits
from tests.conftest import tiny_run
from tests.loraone.inputs.models.language_models import MODELS, WORDS, drawn
from tests.loraone.methods.tiny import ARCHITECTURES, CPU


def texts(lengths: list[int]) -> Encoded:
    draw = torch.Generator().manual_seed(0)
    ids = (torch.randint(3, WORDS, (length,), generator=draw).tolist() for length in lengths)
    return Encoded(tuple(map(tuple, ids)), tuple(0 for _ in lengths), True, 0)


def seen(model: Any) -> list[tuple[int, int]]:
    """The shapes of all batches that the model is given from now on."""
    shapes: list[tuple[int, int]] = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)),
        with_kwargs=True,
    )
    return shapes


def test_no_batch_has_more_tokens_than_asked_for_and_every_text_is_in_one() -> None:
    model, data = drawn("llama"), texts([3, 17, 5, 40, 4, 9, 9, 2, 30, 3])
    shapes = seen(model)
    rows = [*range(10)]
    whole = evaluate(model, data, rows, BatchSize(10**6), CPU)
    assert shapes.pop() == (10, 40)
    parts = evaluate(model, data, rows, BatchSize(36), CPU)
    assert shapes == [(5, 5), (2, 9), (1, 17), (1, 30), (1, 40)]
    assert parts.mean_loss == pytest.approx(whole.mean_loss, rel=1e-6)
    assert parts.count == whole.count == 122 - 10


def test_an_encoder_decoders_batches_count_what_it_writes() -> None:
    data = Encoded(((5, 6), (7, 8), (9, 5)), ((5,) * 20, (6,) * 20, (7,)), False, 0)
    batches = data.batches_of_tokens([0, 1, 2], BatchSize(40), CPU)
    assert [len(each["labels"]) for each in batches] == [2, 1]


def test_without_a_number_there_are_32_texts_of_up_to_512_tokens() -> None:
    assert evaluation_batch(TrainingSpec()) == BatchSize(16384, 32)
    assert evaluation_batch(TrainingSpec(batch_size=64)) == BatchSize(16384, 64)
    assert evaluation_batch(TrainingSpec(batch_size=64, eval_batch_tokens=100)) == BatchSize(100)
    model, data = drawn("llama"), texts([4] * 70)
    shapes = seen(model)
    evaluate(model, data, range(70), evaluation_batch(TrainingSpec()), CPU)
    assert shapes == [(32, 4), (32, 4), (6, 4)]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_run_evaluates_to_the_same_whatever_the_batches(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str
) -> None:
    measured = []
    for tokens in (None, 20):
        training = {"steps": 1, "eval_batch_tokens": tokens}
        spec = tiny_run(tiny_models[arch], texts_csv, "lora", training=training)
        (*_, last) = [event for event in run(spec) if isinstance(event, Metric)]
        measured.append({k: v for k, v in last.values.items() if k.startswith(("eval", "acc"))})
    assert measured[0] == pytest.approx(measured[1], rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_logits_of_a_large_vocabulary_are_those_of_some_positions(name: str) -> None:
    model, data = drawn(name), texts([6, 9, 4])
    if model.config.is_encoder_decoder:
        data = Encoded(data.ids, data.ids, False, 0)
    every = logits(model, data, [0, 1, 2], BatchSize(10_000), CPU, MOST_LOGITS)
    some = logits(model, data, [0, 1, 2], BatchSize(10_000), CPU, 7 * WORDS)
    assert every.shape == (19, WORDS)
    assert torch.allclose(some, every[::3], atol=1e-5), "7 positions at the most, 3 apart"
