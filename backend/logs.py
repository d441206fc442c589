"""What the server writes to standard error: text, or a line of JSON for each thing that happened.

Whoever knows what a line is about says so around what logs it; see :func:`logged`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]
# What a line may say beside its time, level, logger and message.
FIELDS = ("experiment", "run", "lane", "person", "request_id", "method", "path", "status",
          "duration")  # fmt: skip

_about: ContextVar[Mapping[str, object]] = ContextVar("logged")
# A line says what happened, however long what somebody sent is.
_MOST = 10_000


@contextmanager
def logged(**about: object) -> Iterator[None]:
    """Lines that are written meanwhile are about this too, of :data:`FIELDS`."""
    token = _about.set({**_about.get({}), **about})
    try:
        yield
    finally:
        _about.reset(token)


def logged_from_here(**about: object) -> None:
    """The same for the rest of this task: also what is logged of it when it has failed."""
    _about.set({**_about.get({}), **about})


def about() -> Mapping[str, object]:
    """What lines are about that are written now."""
    return _about.get({})


class JsonLines(JsonFormatter):
    """Time, level, logger, message, and what is known of :data:`FIELDS`; ``error`` is a traceback.
    Whatever a message holds, it is one line."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Fill the line."""
        here = about()
        known = {name: getattr(record, name, here.get(name)) for name in FIELDS}
        log_data |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().strip()[:_MOST],
            **{name: value for name, value in known.items() if value is not None},
        }
        if record.exc_info:
            log_data["error"] = self.formatException(record.exc_info)[-_MOST:]


def configured() -> LogFormat:
    """What processes without settings of their own are told by the environment."""
    return "json" if os.environ.get("LORAONE_LOG_FORMAT") == "json" else "text"


def configure(form: LogFormat) -> None:
    """Write JSON from now on, whatever writes; ``text`` leaves all as it is."""
    if form == "text":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("loraone.runs").setLevel(logging.INFO)
    logging.captureWarnings(True)
    log = logging.getLogger("python")
    sys.excepthook = lambda kind, error, trace: log.critical(
        "uncaught", exc_info=(kind, error, trace)
    )
    threading.excepthook = lambda failed: log.error(
        "a thread ended", exc_info=failed.exc_value or True
    )
    sys.unraisablehook = lambda failed: log.error(
        "an error could not be raised", exc_info=failed.exc_value or True
    )
