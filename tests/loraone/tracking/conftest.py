"""A run that is told of, and a tracker that takes requests and is silent."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from loraone.events import Event, Failed, Finished, InitReport, Metric
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand


@pytest.fixture(scope="module")
def spec() -> RunSpec:
    return expand(ExperimentSpec.model_validate({"methods": ["lora"], "grid": {"seeds": [3]}}))[0]


def events(end: Event | None = None) -> list[Event]:
    return [
        InitReport({}, {"loss_before": 1.5}),
        *(Metric(step, {"train_loss": 1 / step}, 0.5 * step, 10 * step) for step in (1, 2, 4)),
        end or Finished({"eval_loss": 0.25, "accuracy": None}),
    ]


def wait(condition: Callable[[], object], seconds: float = 300) -> None:
    """Until it holds; an assertion says that it never did."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


FAILED = Failed("training-stopped", "the loss is not a number")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
