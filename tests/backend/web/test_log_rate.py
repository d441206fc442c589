"""A line that comes again and again is written a few times a minute."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from backend.web import log_rate
from backend.web.log_rate import LINES, SECONDS, LogRate


class Written(logging.Handler):
    """A log with a clock that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.now = 0.0
        self.addFilter(LogRate(lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


log = logging.getLogger("tests.log_rate")


@pytest.fixture
def written() -> Iterator[Written]:
    """What :data:`log` writes."""
    handler = Written()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def storm(count: int) -> None:
    for number in range(count):
        log.warning("connection %d was refused", number)


def test_a_storm_is_written_in_a_few_lines_whatever_its_numbers(written: Written) -> None:
    storm(10_000)
    assert len(written.lines) == LINES
    assert written.lines[0] == "connection 0 was refused"
    assert "left out" in written.lines[-1]


def test_what_was_left_out_is_counted_in_the_next_line(written: Written) -> None:
    storm(LINES + 7)
    written.now = SECONDS
    storm(1)
    assert written.lines[-1] == "connection 0 was refused (7 more were left out)"
    written.now = 2 * SECONDS
    storm(1)
    assert written.lines[-1] == "connection 0 was refused"


def test_other_lines_and_other_faults_are_written_meanwhile(written: Written) -> None:
    storm(100)
    log.warning("another line")
    for fault in (KeyError("a"), ValueError("b")):
        for _ in range(100):
            try:
                raise fault
            except (KeyError, ValueError):
                log.exception("a fault")
    assert written.lines.count("another line") == 1
    assert len(written.lines) == LINES + 1 + 2 * LINES


def test_lines_that_are_all_different_do_not_fill_the_memory(written: Written) -> None:
    rate = LogRate()
    for number in range(5000):
        record = log.makeRecord(log.name, logging.WARNING, __file__, number, "a", (), None)
        assert rate.filter(record)
    assert len(rate._lines) == log_rate._KNOWN
