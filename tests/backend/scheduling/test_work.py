"""How long it is tried to write what was measured."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from backend.scheduling.work import Work
from tests.backend.scheduling.fakes import (
    BreakableDatabase,
)


def test_the_database_is_tried_again_after_waits_that_grow_to_the_last(
    work: Work, database: BreakableDatabase
) -> None:
    class Stopping(threading.Event):
        """Does not wait, but says how long it should have, and is set in the end."""

        def __init__(self) -> None:
            super().__init__()
            self.waits: list[float] = []

        def wait(self, timeout: float | None = None) -> bool:
            """Note the time."""
            assert timeout is not None
            self.waits.append(timeout)
            if len(self.waits) == 7:
                self.set()
            return self.is_set()

    stopping = Stopping()
    database.error = OperationalError("INSERT", {}, Exception("database is locked"))
    with pytest.raises(OperationalError, match="locked"):
        work.write(lambda session: None, stopping)
    assert stopping.waits == [0.1, 0.3, 1.0, 3.0, 5.0, 5.0, 5.0]
    stopping = Stopping()
    database.error = IntegrityError("INSERT", {}, Exception("NOT NULL"))
    with pytest.raises(IntegrityError, match="NOT NULL"):
        work.write(lambda session: None, stopping)
    assert stopping.waits == [], "what a statement has wrong does not pass"
