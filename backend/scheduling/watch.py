"""Watches one attempt at a run: its silence, its time, its memory, and how much it sends.

All time here is monotonic: a clock that is set must not end a run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from backend.scheduling.jobs import Beat, Message, Sent
from backend.settings import Settings
from loraone.errors import LoraOneError
from loraone.events import Event, Metric, Progress, Resumed

WINDOW_S = 60.0
# A worker that has only been started imports torch before its first event, from a cold disk too.
START_S = 300.0


class LimitError(LoraOneError):
    """The run took more than it may, and would again: it has failed."""

    code = "limit"


class StalledError(RuntimeError):
    """The worker does not answer, or does not go on: the run is begun anew."""


class Watch:
    """Is shown what comes from the worker, at least once a second."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._began = self._heard = self._moved = clock()
        self._recent: deque[tuple[float, int]] = deque()
        self._started = False
        self._values = self._repeated = 0
        self.beat: Beat | None = None

    @property
    def seconds(self) -> float:
        """How long the attempt has taken."""
        return self._clock() - self._began

    def paused(self, seconds: float) -> None:
        """The lane itself was held up, such as by a database that did not answer."""
        self._heard += seconds
        self._moved += seconds

    def check(self, messages: Sequence[Message]) -> None:
        """Raises LimitError or StalledError where it goes on for too long or sends too much."""
        now = self._clock()
        events = [message.event for message in messages if isinstance(message, Sent)]
        self._heard = now if messages else self._heard
        self._moved = now if events else self._moved
        self._started |= bool(events)
        for message in messages:
            if isinstance(message, Beat):
                self.beat = message
        self._check_time(now)
        self._check_memory()
        self._check_amount(now, events)

    def _check_time(self, now: float) -> None:
        limit = self._settings.time_limit_minutes
        if now - self._began > 60 * limit:
            raise LimitError(
                f"the run took more than {limit:g} minutes",
                field="training.steps",
                allowed=f"up to {limit:g} minutes",
                hint="lower training.steps or data.max_length, or set LORAONE_TIME_LIMIT_MINUTES",
            )
        silence = self._settings.silence_seconds
        if now - self._heard > silence:
            raise StalledError(f"the worker gave no sign of life for {silence:g} s")
        stall = 60 * self._settings.stall_minutes
        if now - self._moved > (stall if self._started else max(stall, START_S)):
            raise StalledError(f"nothing went on for {(now - self._moved) / 60:.2g} minutes")

    def _check_memory(self) -> None:
        limit = self._settings.memory_limit_gb
        if limit and self.beat is not None and self.beat.host_memory > limit * 1e9:
            raise LimitError(
                f"the run took {self.beat.host_memory / 1e9:.3g} GB of host memory",
                field="training.batch_size",
                allowed=f"up to {limit:g} GB",
                hint="raise training.gradient_accumulation, lower gradient.micro_batch, "
                "training.eval_batch_tokens or data.max_length, or set LORAONE_MEMORY_LIMIT_GB",
            )

    def _check_amount(self, now: float, events: Sequence[Event]) -> None:
        settings = self._settings
        # What a run that goes on from a checkpoint says again comes all at once.
        self._repeated += sum(event.repeated for event in events if isinstance(event, Resumed))
        again = min(self._repeated, len(events))
        self._repeated -= again
        self._recent.append((now, len(events) - again))
        while now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()
        if sum(count for _, count in self._recent) > settings.max_events_per_second * WINDOW_S:
            raise LimitError(
                f"the run sent more than {settings.max_events_per_second:g} events per second",
                allowed=f"up to {settings.max_events_per_second:g} per second",
                hint="raise measure.alignment_every or training.eval_every, "
                "or set LORAONE_MAX_EVENTS_PER_SECOND",
            )
        self._values += sum(_size(event) for event in events)
        if self._values > settings.max_values:
            raise LimitError(
                f"the run sent more than {settings.max_values} numbers to store",
                field="measure.alignment_every",
                allowed=f"up to {settings.max_values}",
                hint="raise measure.alignment_every, choose fewer target layers, "
                "or set LORAONE_MAX_VALUES",
            )


def _size(event: Event) -> int:
    """Numbers that are stored of an event."""
    if isinstance(event, Progress):
        return 0
    if isinstance(event, Metric):
        return len(event.values)
    parts = [getattr(event, field.name) for field in fields(event)]
    parts += [value for part in parts if isinstance(part, dict) for value in part.values()]
    return 1 + sum(part.size for part in parts if isinstance(part, np.ndarray))
