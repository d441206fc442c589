"""A run that is told of, trackers that are folders, and one that takes requests and is silent."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from loraone.events import Event, Failed, Finished, InitReport, Metric
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.tracking.mirror import Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.process import Limits


@pytest.fixture
def spec() -> RunSpec:
    return expand(ExperimentSpec.model_validate({"methods": ["lora"], "grid": {"seeds": [3]}}))[0]


def events(end: Event | None = None) -> list[Event]:
    return [
        InitReport({}, {"loss_before": 1.5}),
        *(Metric(step, {"train_loss": 1 / step}, 0.5 * step, 10 * step) for step in (1, 2, 4)),
        end or Finished({"eval_loss": 0.25, "accuracy": None}),
    ]


def wait(condition: Callable[[], object], seconds: float = 120) -> None:
    """Until it holds; an assertion says that it never did."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


FAILED = Failed("training-stopped", "the loss is not a number")


class Mirrored(Protocol):
    """Mirrors a run to trackers, and says what they were not told."""

    def __call__(
        self, names: Sequence[str], its: Sequence[Event] = ..., run_id: int = ...
    ) -> list[str]: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trackers")


@pytest.fixture(scope="module")
def mirrors(folder: Path) -> Iterator[Mirrors]:
    """MLflow's files make no database, which takes it half a minute on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"file:{folder / 'mlruns'}")
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        made = Mirrors(folder, limits=Limits(begin_s=120), grace_s=120)
        yield made
        made.stop(0)


@pytest.fixture
def mirrored(mirrors: Mirrors, spec: RunSpec) -> Mirrored:
    def mirror(names: Sequence[str], its: Sequence[Event] = (), run_id: int = 7) -> list[str]:
        said: list[str] = []
        url = "https://lab.example.org/experiments/5"
        origin = Origin.of(spec, "A/B's test", experiment_id=5, run_id=run_id, url=url)
        begun = mirrors.begin(origin, names, said.append)
        assert begun is not None
        begun.tell_all(its or events())
        begun.end()
        mirrors.wait(150)
        return said

    return mirror


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
