"""What a run says, without what differs from one time to the next."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from loraone.events import Progress, to_json
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec

# Times, and the memory that was in use or free.
PASSING = ("seconds", "train_seconds", "memory_bytes", "available")


def told(spec: RunSpec, workspace: Workspace, noise: int = 0) -> list[Any]:
    """The events of a run, to the last bit; it may not depend on what the process has drawn."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(noise)
    events = [e for e in run(spec, workspace=workspace) if not isinstance(e, Progress)]
    return [lasting(to_json(event)) for event in events]


def lasting(value: Any) -> Any:
    """The value without what passes; numbers in a form in which nan is itself."""
    if isinstance(value, dict):
        return {name: lasting(each) for name, each in value.items() if name not in PASSING}
    if isinstance(value, list):
        return [lasting(each) for each in value]
    return repr(value)


def fresh(spec: RunSpec) -> list[Any]:
    """The events of a run in a workspace of its own."""
    return told(spec, Workspace("cpu"))


def finished(said: list[Any]) -> bool:
    """Whether the run came to its end."""
    return bool(said[-1]["kind"] == repr("finished"))
