"""Weights in 16 bits are trained as well as those of factors, which PEFT keeps in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from loraone.events import Finished, Metric
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.training.half_precision import GROWTH_PASSES, Float32Steps
from tests.conftest import tiny_run

HALF = [torch.bfloat16, torch.float16]


def descent(
    parameter: nn.Parameter, rate: float, through: torch.dtype | None = None
) -> Float32Steps:
    optimizer = torch.optim.AdamW([parameter], lr=rate, weight_decay=0.0)
    return Float32Steps(optimizer, [parameter], through or parameter.dtype)


@pytest.mark.parametrize("dtype", HALF)
def test_steps_that_the_format_cannot_hold_add_up(dtype: torch.dtype) -> None:
    weight = nn.Parameter(torch.full((4,), 1.0, dtype=dtype))
    steps = descent(weight, 1e-5)
    for _ in range(2000):
        norm = steps.backward(lambda: [weight.float().sum() * 1e-3], 1.0)
        assert norm == pytest.approx(2e-3, rel=1e-2)
        steps.step()
    assert weight.dtype == dtype
    torch.testing.assert_close(weight.detach().float(), torch.full((4,), 0.98), atol=4e-3, rtol=0)


def test_gradients_below_the_smallest_number_of_float16_arrive() -> None:
    weight = nn.Parameter(torch.ones(3, dtype=torch.float16))
    steps = descent(weight, 0.01)
    # float16 of 1e-9 is zero, and Adam's ε too: 0/0 before.
    norm = steps.backward(lambda: [weight.float().sum() * 1e-9], 1.0)
    assert norm == pytest.approx(3**0.5 * 1e-9, rel=1e-2)
    steps.step()
    assert bool((weight < 1).all()), weight


def test_a_scaled_gradient_that_overflows_is_taken_again_and_no_step_is_lost() -> None:
    weight = nn.Parameter(torch.ones(3, dtype=torch.float16))
    steps = descent(weight, 0.01)
    norm = steps.backward(lambda: [weight.float().sum() * 1000], float("inf"))
    assert norm == pytest.approx(3**0.5 * 1000, rel=1e-2)
    steps.step()
    torch.testing.assert_close(weight.detach().float(), torch.full((3,), 0.99), atol=1e-3, rtol=0)


def test_one_overflow_does_not_decide_what_underflows_from_then_on() -> None:
    weight = nn.Parameter(torch.ones(3, dtype=torch.float16))
    steps = descent(weight, 0.0)
    steps.backward(lambda: [weight.float().sum() * 60_000], float("inf"))
    tiny = 2.0**-30
    norm = steps.backward(lambda: [weight.float().sum() * tiny], float("inf"))
    assert norm == 0, "it underflows at first"
    for _ in range(20 * GROWTH_PASSES):
        norm = steps.backward(lambda: [weight.float().sum() * tiny], float("inf"))
    assert norm == pytest.approx(3**0.5 * tiny, rel=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_a_gradient_that_is_not_finite_is_said_to_be_so(dtype: torch.dtype) -> None:
    weight = nn.Parameter(torch.ones(3, dtype=dtype))
    norm = descent(weight, 0.01).backward(lambda: [(weight.float() * float("nan")).sum()], 1.0)
    assert norm != norm


def test_float32_is_trained_as_by_the_optimizer_alone_bit_for_bit() -> None:
    torch.manual_seed(0)
    start, inputs = torch.randn(5, 3), torch.randn(9, 3)
    ours, plain = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    steps = descent(ours, 0.03)
    optimizer = torch.optim.AdamW([plain], lr=0.03, weight_decay=0.0)
    for _ in range(20):
        steps.backward(lambda: [(inputs @ ours.T).tanh().square().mean()], 0.1)
        steps.step()
        optimizer.zero_grad()
        (inputs @ plain.T).tanh().square().mean().backward()
        nn.utils.clip_grad_norm_([plain], 0.1)
        optimizer.step()
    assert torch.equal(ours, plain)


@pytest.mark.parametrize("optimizer", ["adamw", "loraplus", "lorafa", "riemannian", "sgd"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_optimizer_trains_a_head_of_16_bits_to_what_it_is_in_float32(
    tiny_models: dict[str, Path], texts_csv: Path, optimizer: str, dtype: str
) -> None:
    ends = {}
    for kind in (dtype, "float32"):
        training = {"steps": 6, "batch_size": 8, "warmup_steps": 1, "eval_every": 6}
        spec = tiny_run(
            tiny_models["bert"],
            texts_csv,
            "lora",
            model={"id": str(tiny_models["bert"]), "dtype": kind},
            training={**training, "optimizer": optimizer},
            gradient={"samples": 16, "micro_batch": 8, "head_warmup_steps": 3},
        )
        events = list(run(spec, workspace=Workspace("cpu")))
        assert isinstance(events[-1], Finished), events[-1]
        ends[kind] = [e.values["train_loss"] for e in events if isinstance(e, Metric) and e.step]
    assert ends[dtype] == pytest.approx(ends["float32"], abs=0.01)
    assert ends[dtype][-1] != ends[dtype][0]
