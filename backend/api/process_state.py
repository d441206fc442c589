"""What a route is told of the server's own process, wherever it is computed."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.types import Scope

from loraone.runs.device_benchmark import DeviceBenchmark

_KEY = "loraone.process_state"


class ProcessState(BaseModel):
    """Small, for it goes with the question to a process that has no lanes.

    ``speed`` is that of the first lane's device, if it is known yet.
    """

    notices: list[str]
    speed: DeviceBenchmark | None

    @classmethod
    def of(cls, state: Any) -> ProcessState:
        """What the application's ``state`` says; a cluster may be asked for its devices."""
        devices = state.executor.devices()
        speed = state.device_benchmarks.get(devices[0]) if devices else None
        return cls(notices=state.scheduler.notices(), speed=speed)


def handed(scope: Scope) -> str | None:
    """What was handed along with a request, as JSON."""
    text: str | None = scope.get(_KEY)
    return text


def hand(scope: Scope, text: str | None) -> None:
    """Let it go along with a request."""
    scope[_KEY] = text


def process_state(request: Request) -> ProcessState:
    """What was handed along; in the server's process it may also be looked up."""
    text = handed(request.scope)
    if text is None:
        return ProcessState.of(request.app.state)
    return ProcessState.model_validate_json(text)
