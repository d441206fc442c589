"""What one run may take: time, memory, events, numbers; and when a worker counts as stuck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.scheduling.jobs import Beat, Message, Sent
from backend.scheduling.watch import START_S, LimitError, StalledError, Watch
from backend.settings import Settings
from loraone.events import Alignment, Event, Note, Progress


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watch(tmp_path: Path, **settings: Any) -> tuple[Watch, Clock]:
    clock = Clock()
    return Watch(Settings(home=tmp_path, **settings), clock), clock


def sent(*events: Event) -> list[Message]:
    return [Sent(1, 1, seq, event) for seq, event in enumerate(events)]


BEAT = Beat(10**9, 2 * 10**9, 50.0)


def test_a_worker_that_beats_and_goes_on_is_left_alone(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, time_limit_minutes=60, stall_minutes=5)
    for i in range(50):
        clock.now += 60
        found.check([BEAT, *sent(Progress("train", i, 50))])
    assert found.beat == BEAT
    assert found.seconds == 50 * 60


def test_silence_stalls_a_run_but_not_while_the_lane_itself_was_held_up(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, silence_seconds=60)
    clock.now += 90
    found.paused(40)
    found.check([])
    clock.now += 40
    with pytest.raises(StalledError, match="no sign of life"):
        found.check([])


def test_signs_of_life_alone_are_not_progress(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, stall_minutes=1)
    found.check(sent(Progress("load", 0, 2)))
    for _ in range(6):
        clock.now += 10
        found.check([BEAT])
    clock.now += 1
    with pytest.raises(StalledError, match="nothing went on for 1 minutes"):
        found.check([BEAT])


def test_too_long_a_run_fails_and_names_what_to_change(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, time_limit_minutes=2)
    clock.now += 121
    with pytest.raises(LimitError, match="more than 2 minutes") as caught:
        found.check([BEAT])
    assert "LORAONE_TIME_LIMIT_MINUTES" in str(caught.value.hint)
    assert caught.value.field == "training.steps"


def test_too_much_host_memory_fails_and_says_how_much_it_was(tmp_path: Path) -> None:
    found, _ = watch(tmp_path, memory_limit_gb=1.5)
    with pytest.raises(LimitError, match="2 GB of host memory") as caught:
        found.check([BEAT])
    assert caught.value.allowed == "up to 1.5 GB"


def test_a_burst_is_borne_and_a_flood_is_not(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, max_events_per_second=10)
    found.check(sent(*[Note("x")] * 600))
    clock.now += 61
    found.check(sent(*[Note("x")] * 600))
    with pytest.raises(LimitError, match="10 events per second"):
        found.check(sent(Note("x")))


def test_numbers_are_counted_over_the_whole_run(tmp_path: Path) -> None:
    found, _ = watch(tmp_path, max_values=1000)
    angles = np.zeros((10, 20), np.float32)
    found.check(sent(Alignment(0, angles, angles, np.zeros(10, np.float32))))
    found.check(sent(Alignment(1, angles, angles, np.zeros(10, np.float32))))
    with pytest.raises(LimitError, match="1000 numbers") as caught:
        found.check(sent(Alignment(2, angles, angles, np.zeros(10, np.float32))))
    assert caught.value.field == "measure.alignment_every"


def test_a_worker_that_starts_from_a_cold_disk_may_take_its_time(tmp_path: Path) -> None:
    found, clock = watch(tmp_path, stall_minutes=1)
    for _ in range(int(START_S / 10)):
        clock.now += 10
        found.check([BEAT])
    clock.now += 10
    with pytest.raises(StalledError):
        found.check([BEAT])
