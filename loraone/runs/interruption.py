"""What asks a run for a checkpoint between two steps, from a signal or another thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InterruptedRunError(Exception):
    """The run was asked to end, and goes on from its checkpoint another time."""

    def __init__(self) -> None:
        super().__init__("the run was asked to end")


class Interruption:
    """Flags alone, which a signal's handler may set at any time."""

    def __init__(self) -> None:
        self._asked = self._ending = False
        # Whether a run looks at it: while it trains, and keeps checkpoints.
        self.listening = False

    def ask(self) -> None:
        """Have a checkpoint at the end of the step, and go on."""
        self._asked = True

    def end(self) -> None:
        """Have a checkpoint at the end of the step, and end the run there."""
        self._ending = True

    @property
    def asked(self) -> bool:
        """Whether a checkpoint is wanted now."""
        return self._asked or self._ending

    @property
    def ending(self) -> bool:
        """Whether the run is to end."""
        return self._ending

    def answered(self) -> None:
        """There is the checkpoint that was asked for."""
        self._asked = False

    @contextmanager
    def listened_to(self) -> Iterator[None]:
        """Meanwhile a run looks at it between its steps.

        Raises InterruptedRunError where the run was asked to end after the last of them.
        """
        self.listening = True
        try:
            yield
        finally:
            self.listening = False
        if self._ending:  # after the last look at it
            raise InterruptedRunError
