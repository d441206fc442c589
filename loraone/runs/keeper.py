"""Keeps a run's checkpoints while it trains, and finds the one that it goes on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError

from loraone.events import Event, Note
from loraone.linalg.packed import Packed
from loraone.memory import ran_out
from loraone.runs.checkpoints import Checkpoint, Checkpoints
from loraone.runs.environment import arithmetic
from loraone.runs.interruption import InterruptedRunError, Interruption
from loraone.spec.experiment import RunSpec
from loraone.training.course import Course
from loraone.training.loop import Between

T = TypeVar("T")
# Why a checkpoint that could be read cannot be gone on from. Memory that ran out is no such reason.
UNFIT = (LookupError, TypeError, ValueError, RuntimeError, StopIteration)
NOT_USED = "a checkpoint was not used: {}"


class Keeper:
    """Of one run, in ``folder``; without one, or where the spec wants none, it does nothing."""

    def __init__(
        self, spec: RunSpec, folder: Path | None, interruption: Interruption | None
    ) -> None:
        self._spec = spec
        self._interval = 60 * spec.training.checkpoint_minutes
        self._folder = folder if self._interval else None
        self._interruption = interruption or Interruption()
        # What comes before the first step is time that could be lost, too.
        self._last = time.monotonic()
        self._checkpoints: Checkpoints | None = None
        self._said: str | None = None

    def find(self, inputs: str, device: torch.device) -> tuple[Checkpoint | None, list[str]]:
        """What an earlier attempt left, where it had the same spec and the same ``inputs``; why
        something that is there cannot be used, or with what caution.

        Asked again it finds what is before those that were refused."""
        if self._folder is None:
            return None, []
        now = arithmetic(device)
        if self._checkpoints is None:
            self._checkpoints = Checkpoints(self._folder, self._spec, inputs, now)
        found, refused = self._checkpoints.find()
        notes = [NOT_USED.format(reason) for reason in refused]
        if found is not None and any(other != now for other in found.arithmetics):
            notes.append(
                "the run goes on with other software or another device than it was computed with "
                "before, if only in part: its last digits may be others"
            )
        return found, notes

    def refuse(self, found: Checkpoint, error: Exception) -> str:
        """It was found, but cannot be gone on from; how that is said.

        Raises the error where memory ran out: another time there may be enough.
        """
        if ran_out(error):
            raise error
        assert self._checkpoints is not None
        self._checkpoints.refuse(found)
        return NOT_USED.format(f"{found.name}: {type(error).__name__}: {error}")

    def noted(self, steps: Generator[Event, None, T]) -> Generator[Event, None, T]:
        """``steps``, whose events a run that goes on from a later checkpoint will say again."""
        with closing(steps):
            while True:
                try:
                    event = next(steps)
                except StopIteration as ended:
                    value: T = ended.value
                    return value
                if self._checkpoints is not None:
                    self._checkpoints.journal.add(event)
                yield event

    def listening(self) -> AbstractContextManager[None]:
        """While it lasts the run may be asked for a checkpoint, or to end with one."""
        return nullcontext() if self._folder is None else self._interruption.listened_to()

    def between(self, begin: Callable[[], Packed]) -> Between | None:
        """What is done between two steps. ``begin`` is what the steps do not change."""
        checkpoints = self._checkpoints
        if checkpoints is None:
            return None

        def keep(course: Course) -> Iterator[Note]:
            asked = self._interruption.asked
            if not asked and time.monotonic() - self._last < self._interval:
                return
            try:
                checkpoints.write(course.step, begin, course.packed())
            except (OSError, SafetensorError) as error:
                if str(error) != self._said:  # once, not every few minutes
                    self._said = str(error)
                    yield Note(f"no checkpoint could be kept after step {course.step}: {error}")
            self._last = time.monotonic()
            self._interruption.answered()
            if self._interruption.ending:
                raise InterruptedRunError

        return keep

    def remove(self) -> None:
        """The run has ended, and nothing goes on from it."""
        if self._checkpoints is not None:
            self._checkpoints.clear()
