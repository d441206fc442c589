"""Runs that are interrupted at a step, and what all attempts said together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from loraone.events import Event, Metric, Note, Progress, Resumed, to_json
from loraone.runs import checkpoints
from loraone.runs.interruption import InterruptedRunError, Interruption
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.runs.told import lasting

AT_EVERY_STEP = 1e-9  # minutes


def a_run(models: dict[str, Path], texts: Path, minutes: float = AT_EVERY_STEP) -> RunSpec:
    training = {
        "steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2,
        "checkpoint_minutes": minutes,
    }  # fmt: skip
    return tiny_run(models["bert"], texts, "lora_one", training=training)


def until(
    spec: RunSpec, folder: Path, step: int, workspace: Workspace | None = None, **options: Any
) -> list[Event]:
    """The events of an attempt that is asked to end in the middle of the step before ``step``."""
    interruption, said = Interruption(), []
    try:
        for event in run(
            spec,
            workspace=workspace or Workspace("cpu"),
            checkpoints=folder,
            interruption=interruption,
            **options,
        ):
            said.append(event)
            if isinstance(event, Metric) and event.step == step:
                assert interruption.listening
                interruption.end()
    except InterruptedRunError:
        newest = sorted(folder.glob("step-*"))[-1]
        assert newest.stem == f"step-{step:09d}"
        return said
    raise AssertionError("the run was not interrupted")


def killed(spec: RunSpec, folder: Path, step: int) -> list[Event]:
    """The events of an attempt that ends for good once it has said the metric of ``step``."""
    said = []
    for event in run(spec, workspace=Workspace("cpu"), checkpoints=folder):
        said.append(event)
        if isinstance(event, Metric) and event.step == step:
            return said
    raise AssertionError("the run ended before")


def rest(spec: RunSpec, folder: Path, workspace: Workspace | None = None) -> list[Event]:
    """The events of an attempt that goes on to the end."""
    return list(run(spec, workspace=workspace or Workspace("cpu"), checkpoints=folder))


def result(events: list[Event]) -> list[Any]:
    """What was said of the run, to the last bit, without that it was resumed."""
    passing = Progress | Resumed
    return [lasting(to_json(event)) for event in events if not isinstance(event, passing)]


def resumed_at(events: list[Event]) -> list[int]:
    """After what steps it went on."""
    return [event.step for event in events if isinstance(event, Resumed)]


def notes(events: list[Event]) -> str:
    """All notes, line by line."""
    return "\n".join(event.message for event in events if isinstance(event, Note))


def told_otherwise(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A checkpoint's file, with another word about what it is of."""
    with safe_open(file, framework="pt") as opened:
        said = dict(opened.metadata())
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    about = json.loads(said["about"])
    change(about)
    said["about"] = json.dumps(about)
    said["digest"] = checkpoints._digest(tensors, said["packed"], said["about"])
    save_file(tensors, file, metadata=said)
