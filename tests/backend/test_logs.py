"""Lines of JSON: what they say, and that whatever is logged is one line."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from backend.logs import JsonLines, logged, logged_from_here


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("tests.logs")
    logger.propagate, logger.handlers = False, [handler]
    yield stream
    logger.propagate, logger.handlers = True, []


LOG = logging.getLogger("tests.logs")


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_has_time_level_logger_message_and_what_is_known(written: io.StringIO) -> None:
    with logged(run=7, lane="CPU"):
        LOG.warning("run %d was lost", 7)
        with logged(experiment=3):
            LOG.error("again", extra={"status": "failed", "color_message": "\x1b[1m"})
    LOG.warning("later")
    first, second, last = lines(written)
    assert first.pop("time").endswith("+00:00")
    message = "run 7 was lost"
    about = {"level": "warning", "logger": "tests.logs", "message": message}
    assert first == {**about, "run": 7, "lane": "CPU"}
    assert (second["experiment"], second["run"], second["status"]) == (3, 7, "failed")
    assert "color_message" not in second
    assert {*last} == {"time", "level", "logger", "message"}


def test_whatever_is_logged_is_one_line(written: io.StringIO) -> None:
    LOG.warning('forged\n{"level": "info", "message": "%s"}\x00\u2028', "x" * 100_000)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        LOG.exception("it failed")
    LOG.warning(object())
    first, second, _ = lines(written)
    assert first["message"].startswith("forged\n")
    assert len(first["message"]) == 10_000
    assert second["error"].endswith("ValueError: two\nlines")


def test_what_a_thread_knows_no_other_thread_says(written: io.StringIO) -> None:
    def lane(number: int) -> None:
        logged_from_here(run=number)
        LOG.warning("line of %d", number)

    threads = [threading.Thread(target=lane, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    LOG.warning("mine")
    *theirs, mine = lines(written)
    assert sorted((line["run"], line["message"]) for line in theirs) == [
        (number, f"line of {number}") for number in range(4)
    ]
    assert "run" not in mine
