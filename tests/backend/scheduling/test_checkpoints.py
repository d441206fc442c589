"""Runs that go on from a checkpoint: their lane, their limits, and what is left of them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.scheduling import checkpoints
from backend.scheduling.jobs import Job, Message, Sent, WorkerPreemptedError
from backend.scheduling.watch import LimitError, Watch
from backend.scheduling.work import Work
from backend.settings import Settings
from backend.storage.store import results, runs
from backend.storage.tables import Run, now
from loraone.events import Finished, Metric, Resumed, Started
from loraone.runs.checkpoints import Checkpoints
from tests.backend.scheduling.fakes import (
    Begin,
    BreakableDatabase,
    FakeWorker,
    ended,
    first_then,
    launch,
    read,
    sent,
    steps,
    wait,
)
from tests.conftest import tiny_run


def metric(step: int) -> Metric:
    return Metric(step, {"train_loss": 1 / step}, 0.1 * step, step)


def end_as_asked(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
    """Two steps, and the end that a checkpoint makes."""
    yield [sent(job, 0, Started({})), sent(job, 1, metric(1)), sent(job, 2, metric(2))]
    raise WorkerPreemptedError("the worker was asked to end")


def go_on(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
    """What was said, and the rest."""
    events = [Started({}), Resumed(2, 2), *map(metric, (1, 2, 3)), Finished({"eval_loss": 0.5})]
    for seq, event in enumerate(events):
        yield [sent(job, seq, event)]


def test_a_worker_that_is_asked_to_end_costs_its_run_nothing_and_no_step_is_told_twice(
    begin: Begin, database: BreakableDatabase
) -> None:
    (key,) = launch(database)
    _, worker = begin(first_then(end_as_asked, go_on))
    wait(ended(database, key))
    run = read(database, key)
    assert (run.status, run.attempt, run.lost) == ("succeeded", 2, 0)
    assert steps(database, key) == [1, 2, 3]
    assert run.environment == {"resumed_after_step": 2}
    assert run.notes == ["went on after step 2 from the checkpoint of an earlier attempt"]
    first, second = worker.jobs
    assert first.checkpoints == second.checkpoints, "both attempts have one folder"


def attempts(
    database: BreakableDatabase, end: Callable[..., None], went_on: Sequence[int | None]
) -> Run:
    """Attempts at a run, each of which goes on from a step, or begins, and ends in this way."""
    (key,) = launch(database)
    for step in went_on:
        with database.write() as session:
            run = session.get_one(Run, key)
            runs.begin(session, run, "CPU")
            for seq, event in enumerate([] if step is None else [Started({}), Resumed(step, 1)]):
                assert results.append(session, key, run.attempt, seq, event, Path())
            end(session, run, "the worker was asked to end")
            if run.status != "queued":
                break
    return read(database, key)


def test_a_preempted_run_waits_a_moment_and_may_be_preempted_as_often_as_it_comes_further(
    database: BreakableDatabase,
) -> None:
    found = attempts(database, runs.preempt, [None, None, 0, 0, 10, 10, 20, 20])
    assert (found.status, found.lost, found.attempt) == ("queued", 0, 8)
    assert found.not_before is not None
    assert "goes on from its checkpoint" in (found.reason or "")


@pytest.mark.parametrize("step", [None, 10])
def test_a_run_that_is_preempted_each_time_before_it_comes_further_is_lost(
    step: int | None, database: BreakableDatabase
) -> None:
    found = attempts(database, runs.preempt, [None, None, *[step] * 10])
    assert (found.status, found.error and found.error["code"]) == ("failed", "lost")
    assert found.attempt == runs.MAX_PREEMPTED + runs.MAX_LOST - 1 + (0 if step is None else 2)


def test_losses_are_counted_from_where_the_run_last_went_on(database: BreakableDatabase) -> None:
    found = attempts(database, runs.lose, [None, None, 10, 10, 20, 30, 30])
    assert (found.status, found.lost) == ("queued", 2)
    found = attempts(database, runs.lose, [None, 10, 10, 5, 10])
    assert (found.status, found.attempt) == ("failed", 4), (
        "one that goes on earlier came no further"
    )


def test_what_is_said_again_is_no_flood(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, max_events_per_second=10)
    again: list[Message] = [
        Sent(1, 1, seq, event)
        for seq, event in enumerate([Resumed(2000, 2000), *[metric(1)] * 2000])
    ]
    Watch(settings).check(again)
    halves = Watch(settings)
    halves.check(again[:900])
    halves.check(again[900:])
    with pytest.raises(LimitError, match="10 events per second"):
        halves.check(again[1:1000])


ENDED: list[tuple[str, dict[str, Any] | None, float, bool]] = [
    ("queued", None, 0, True),
    ("running", None, 0, True),
    ("succeeded", None, 0, False),
    ("cancelled", None, 0, False),
    ("failed", {"code": "training-stopped"}, 0, False),
    ("failed", {"code": "lost"}, 1, True),
    ("failed", {"code": "limit"}, 1, True),
    ("failed", {"code": "disk-full"}, 1, True),
    ("failed", {"code": "internal"}, 1, True),
    ("failed", {"code": "checkpoint-not-readable"}, 1, True),
    ("failed", {"code": "limit"}, 8, False),
]


def test_a_node_keeps_for_a_month_what_nobody_goes_on_from(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    checkpoints.trim(settings)  # before there is any
    old, new = settings.checkpoints / "1", settings.checkpoints / "2"
    for folder, days in ((old, 31), (new, 29)):
        folder.mkdir(parents=True)
        at = time.time() - 86_400 * days
        os.utime(folder, (at, at))
    checkpoints.trim(settings)
    assert (old.exists(), new.exists()) == (False, True)


def test_no_checkpoint_takes_the_space_that_the_queue_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = int(1.5e9 * Settings(home=tmp_path).disk_stop_gb)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    kept = Checkpoints(tmp_path, tiny_run(tmp_path, tmp_path / "texts.csv"), "", None)
    with pytest.raises(OSError, match="No space left"):
        kept.write(1, lambda: ({}, None), ({"weight": torch.ones(2)}, None))


def test_checkpoints_go_with_the_end_of_their_run(work: Work, database: BreakableDatabase) -> None:
    settings = work.settings
    checkpoints.sweep(database, settings)  # before there is any
    keys = launch(database, len(ENDED))
    folders = [settings.checkpoints / str(key) for key in [*keys, 10**6]]
    foreign = settings.checkpoints / "mine"
    for folder in [*folders, foreign]:
        folder.mkdir(parents=True)
        (folder / "step-000000001.safetensors").write_bytes(b"weights")
    with database.write() as session:
        for key, (status, error, days, _) in zip(keys, ENDED, strict=True):
            run = session.get_one(Run, key)
            run.status, run.error = status, error
            run.finished_at = now() - timedelta(days=days)
    checkpoints.sweep(database, settings)
    assert [folder.exists() for folder in folders] == [*(case[3] for case in ENDED), False]
    assert foreign.exists(), "it is no run's"
