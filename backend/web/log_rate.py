"""A line of the log that comes again and again is written a few times a minute and then counted.

Whoever can send requests can cause lines; without this they fill the disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LINES = 10
SECONDS = 60.0
# Lines that are told apart at a time; those that came longest ago are forgotten first.
_KNOWN = 1000


@dataclass
class _Line:
    since: float
    written: int = 0
    left_out: int = 0


class LogRate(logging.Filter):
    """Lets the same line through ``lines`` times in ``SECONDS``.

    Lines are the same that one place in the source writes for one kind of error, whatever numbers
    and names they carry. The last of them says that more is left out; the first one afterwards,
    how many were.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, lines: int = LINES) -> None:
        super().__init__()
        self._clock = clock
        self._most = lines
        self._lock = threading.Lock()
        self._lines: OrderedDict[tuple[object, ...], _Line] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; it says what is left out."""
        now, key = self._clock(), _key(record)
        with self._lock:  # handlers take theirs after their filters
            line = self._lines.pop(key, None) or _Line(now)
            self._lines[key] = line
            if len(self._lines) > _KNOWN:
                self._lines.popitem(last=False)
            said = ""
            if now - line.since >= SECONDS:
                said = f" ({line.left_out} more were left out)" if line.left_out else ""
                line.since, line.written, line.left_out = now, 0, 0
            if line.written == self._most:
                line.left_out += 1
                return False
            line.written += 1
            if line.written == self._most:
                said += f" (more of these within {SECONDS:g} s are left out)"
        if said:
            record.msg, record.args = record.getMessage().rstrip() + said, None
        return True


def limit(rate: LogRate) -> None:
    """Put ``rate`` before everything that this process logs to."""
    handlers = [*logging.getLogger().handlers, *logging.getLogger("uvicorn").handlers]
    for handler in (*handlers, logging.lastResort):
        if handler is not None:
            handler.addFilter(rate)


def _key(record: logging.LogRecord) -> tuple[object, ...]:
    error = record.exc_info[0] if record.exc_info else None
    return record.name, record.pathname, record.lineno, error, _where(record)


def _where(record: logging.LogRecord) -> tuple[str, int] | None:
    """Where an error was raised: one line may report all kinds of them."""
    trace = record.exc_info[2] if record.exc_info else None
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
