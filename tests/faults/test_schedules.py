"""Random faults at random moments over short runs: whatever the order, every run ends, once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.backend.conftest import Process
from tests.faults.conftest import check, theory

# Schedules of four runs each; LORAONE_FAULT_SEED and …_SCHEDULES draw other and more of them.
SEED = int(os.environ.get("LORAONE_FAULT_SEED", "20261124"))
SCHEDULES = int(os.environ.get("LORAONE_FAULT_SCHEDULES", "4"))
STEPS = 3000


class Lab:
    """A data folder whose server is begun anew whenever a fault has ended it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = self.begin()
        self.key = 0

    def begin(self) -> Process:
        return Process(self.home, [], LORAONE_SILENCE_SECONDS="6", LORAONE_LANES_PER_DEVICE="2")

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.server.process.pid).children(recursive=True)

    def end_server(self, how: signal.Signals, *, workers_first: bool = False) -> None:
        """End the server, see that nothing of it is left, and begin it anew."""
        family = self.family()
        if workers_first:
            for worker in self.server.workers():
                worker.kill()
        self.server.stop(how)
        _, left = psutil.wait_procs(family, timeout=10)
        assert not left, left
        self.server = self.begin()


def kill_worker(lab: Lab, draw: random.Random) -> None:
    workers = lab.server.workers()
    if workers:
        draw.choice(workers).kill()


def freeze_worker(lab: Lab, draw: random.Random) -> None:
    workers = lab.server.workers()
    if workers:
        draw.choice(workers).suspend()


def kill_server(lab: Lab, draw: random.Random) -> None:
    lab.end_server(signal.SIGKILL)


def kill_both(lab: Lab, draw: random.Random) -> None:
    lab.end_server(signal.SIGKILL, workers_first=True)


def stop_server(lab: Lab, draw: random.Random) -> None:
    lab.end_server(signal.SIGTERM)


def lock_database(lab: Lab, draw: random.Random) -> None:
    with sqlite3.connect(lab.home / "loraone.db", isolation_level=None, timeout=20) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(draw.uniform(0.1, 1.0))
        other.execute("COMMIT")


def cancel_a_run(lab: Lab, draw: random.Random) -> None:
    run = draw.choice(lab.server.runs(lab.key))
    answer = lab.server.http.post(f"/api/runs/{run['id']}/cancel")
    assert answer.status_code in (200, 409)


def retry_what_ended(lab: Lab, draw: random.Random) -> None:
    lab.server.post(f"/api/runs/retry?of=e{lab.key}")


def drain_a_lane(lab: Lab, draw: random.Random) -> None:
    lane = draw.choice(lab.server.get("/api/queue")["lanes"])["name"]
    lab.server.post(f"/api/lanes/{lane}?mode=drained")
    time.sleep(draw.uniform(0.0, 0.5))
    lab.server.post(f"/api/lanes/{lane}?mode=open")


Fault = Callable[[Lab, random.Random], None]
FAULTS: dict[Fault, int] = {
    kill_worker: 4,
    freeze_worker: 1,
    kill_server: 2,
    kill_both: 1,
    stop_server: 1,
    lock_database: 2,
    cancel_a_run: 2,
    retry_what_ended: 2,
    drain_a_lane: 2,
}
# Those after which a run begins again.
INTERRUPTIONS = (
    kill_worker,
    freeze_worker,
    kill_server,
    kill_both,
    stop_server,
    retry_what_ended,
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    found = Lab(tmp_path_factory.mktemp("lab"))
    yield found
    family = found.family()
    found.server.stop()
    _, left = psutil.wait_procs(family, timeout=10)
    assert not left, left


@pytest.mark.parametrize("seed", range(SEED, SEED + SCHEDULES))
def test_every_run_of_a_random_schedule_ends_and_none_is_doubled(lab: Lab, seed: int) -> None:
    draw = random.Random(seed)
    faults = draw.choices(list(FAULTS), weights=list(FAULTS.values()), k=draw.randint(1, 3))
    print(f"seed {seed}: {', '.join(fault.__name__ for fault in faults)}")
    spec = theory(2, steps=STEPS, name=f"seed {seed}")
    lab.key = lab.server.post("/api/experiments", spec)["id"]
    for fault in faults:
        time.sleep(draw.uniform(0.0, 1.0))
        fault(lab, draw)
    runs = lab.server.settle(lab.key)
    assert len(runs) == 4
    # A run begins anew at most as often as something ended under it, or as it was retried.
    interruptions = sum(fault in INTERRUPTIONS for fault in faults)
    for run in runs:
        assert run["status"] in ("succeeded", "cancelled"), run
        assert run["attempt"] <= 1 + interruptions, run
        assert run["reason"] is None or run["status"] == "cancelled"
    assert lab.server.get("/api/queue")["waiting"] == 0
    check(lab.server)
