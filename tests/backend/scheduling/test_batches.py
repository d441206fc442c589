"""What a worker says within a moment is stored together, without progress that nobody would see."""

from __future__ import annotations

import multiprocessing
import threading
import time

import numpy as np
import pytest

from backend.scheduling.executors import local
from backend.scheduling.executors.local import GATHER_S, _gathered
from backend.scheduling.jobs import Beat, Message, Sent
from backend.scheduling.lane import _last_of_phases
from loraone.events import Event, Finished, Metric, Note, Overlap, Progress
from tests.busy import busy


def numbered(*events: Event) -> list[Sent]:
    return [Sent(1, 1, seq, event) for seq, event in enumerate(events)]


def test_messages_that_come_one_after_the_other_are_gathered_up_to_the_end_of_the_job() -> None:
    ours, theirs = multiprocessing.Pipe()
    said: list[Message] = [
        *numbered(*(Metric(step, {"train_loss": 1.0}, 1, 1) for step in range(5))),
        Sent(1, 1, 5, Finished({})),
        Beat(None, 1, None),
    ]

    def say() -> None:
        for message in said:
            theirs.send(message)
            time.sleep(GATHER_S / 50)

    speaking = threading.Thread(target=say)
    speaking.start()
    assert _gathered(ours) == said[:6]
    speaking.join()
    assert _gathered(ours) == said[6:]


def test_the_end_of_a_job_is_not_waited_for_and_a_job_that_goes_on_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "GATHER_S", 2.0)
    ours, theirs = multiprocessing.Pipe()
    theirs.send(Sent(1, 1, 0, Finished({})))
    began = time.monotonic()
    assert len(_gathered(ours)) == 1
    assert time.monotonic() - began < 2.0
    monkeypatch.setattr(local, "GATHER_S", GATHER_S)
    theirs.send(Sent(1, 1, 1, Note("it goes on")))
    assert len(_gathered(ours)) == 1
    assert time.monotonic() - began < 20 * GATHER_S * busy(), "a moment, not until the next message"


def test_of_progress_in_one_phase_the_last_is_kept_and_of_everything_else_all() -> None:
    angles = np.zeros((1, 2, 2), np.float32)
    sent = numbered(
        Progress("load", 0, 2),
        Progress("load", 2, 2),
        Progress("train", 0, 9),
        Metric(1, {"train_loss": 1.0}, 1, 1),
        Overlap(1, angles, angles),
        Progress("train", 1, 9),
        Note("so far"),
        Progress("train", 2, 9),
        Progress("evaluate", 1, 2),
        Progress("train", 3, 9),
        Finished({}),
    )
    assert [message.seq for message in _last_of_phases(sent)] == [1, 3, 4, 6, 7, 8, 9, 10]
    assert _last_of_phases([]) == []
