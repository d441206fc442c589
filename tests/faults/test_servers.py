"""Servers, disks, databases and clocks that go wrong: the queue goes on, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import Process
from tests.faults.conftest import Begin, Faulty, check, stop_and_count, theory
from tests.postgres import Postgres

LONG = {"steps": 300, "batch_size": 8, "warmup_steps": 1, "eval_every": 100}


def statuses(server: Process, key: int) -> set[str]:
    return {run["status"] for run in server.settle(key)}


def test_server_and_worker_killed_together_lose_nothing(begin: Begin, faulty: Faulty) -> None:
    server = begin()
    key = server.post("/api/experiments", faulty(None, training=LONG))["id"]
    server.wait(lambda: server.training(key))
    (worker,) = server.workers()
    worker.kill()
    server.stop(signal.SIGKILL)
    again = begin()
    (run,) = again.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    check(again)
    stop_and_count(again)


def test_a_database_that_is_locked_for_ten_seconds_holds_a_run_up_and_no_more(
    begin: Begin, faulty: Faulty
) -> None:
    server = begin(LORAONE_STALL_MINUTES="5")
    key = server.post("/api/experiments", faulty(None, training=LONG))["id"]
    server.wait(lambda: server.training(key))
    began = time.monotonic()
    with sqlite3.connect(server.home / "loraone.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        while time.monotonic() - began < 10:
            assert server.get("/api/queue")["lanes"], "what is read is not held up"
            time.sleep(0.5)
        other.execute("COMMIT")
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    check(server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB, which only the superuser can make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("a tmpfs can be mounted by root alone")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Take all the space there is."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(10_000))
            except OSError:
                return


def test_a_full_disk_holds_the_queue_up_and_says_so_until_there_is_space(
    begin: Begin, small_disk: Path
) -> None:
    server = begin(small_disk / "home", LORAONE_DISK_STOP_GB="0", LORAONE_DISK_WARN_GB="0")
    ballast = small_disk / "ballast"
    fill(ballast)
    refused = server.http.post("/api/experiments", json=theory(2, name="x" * 150))
    if refused.status_code == 201:  # it fitted into what SQLite had
        refused = server.http.post("/api/experiments", json=theory(200, description="y" * 100_000))
    assert refused.status_code == 507
    assert "full" in refused.json()["detail"]
    ballast.unlink()
    key = server.post("/api/experiments", theory(10))["id"]
    server.wait(lambda: any(run["status"] == "succeeded" for run in server.runs(key)))
    fill(ballast)
    server.http.post("/api/experiments", json=theory(40))  # it may not fit
    time.sleep(3)
    ballast.unlink()
    assert statuses(server, key) == {"succeeded"}
    after = server.post("/api/experiments", theory(3))["id"]
    assert statuses(server, after) == {"succeeded"}
    server.wait(lambda: server.get("/api/queue")["notices"] == [])
    check(server)
    stop_and_count(server)


@pytest.mark.cases(1)
@pytest.mark.parametrize("jump", ["+400d", "-400d"])
def test_a_clock_that_jumps_ends_no_run_and_holds_none_up(
    begin: Begin, faulty: Faulty, tmp_path: Path, jump: str
) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    said = tmp_path / "clock"
    said.write_text("+0")
    server = begin(
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(said),
        FAKETIME_NO_CACHE="1",
        DONT_FAKE_MONOTONIC="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        LORAONE_STALL_MINUTES="1",
        # Every look at the clock is slow here.
        LORAONE_SILENCE_SECONDS="60",
    )
    key = server.post("/api/experiments", faulty(None, training=LONG))["id"]
    server.wait(lambda: server.training(key))
    said.write_text(jump)
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    ended = datetime.fromisoformat(run["finished_at"]) - datetime.now(UTC)
    assert abs(ended).days in (399, 400), "the server's clock did jump"
    (worker,) = server.workers()
    second = server.post("/api/experiments", faulty(None, training=LONG))["id"]
    server.wait(lambda: server.training(second))
    worker.kill()
    server.wait(lambda: server.runs(second)[0]["status"] == "queued")
    said.write_text("+0")  # back, while the run waits for its second attempt
    (run,) = server.settle(second)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    check(server)


def test_a_server_that_is_stopped_goes_on_where_it_was(begin: Begin, faulty: Faulty) -> None:
    """For longer than a worker may be silent, as by Ctrl-Z or a laptop that sleeps."""
    server = begin(LORAONE_SILENCE_SECONDS="3", LORAONE_READERS="1")
    key = server.post("/api/experiments", faulty(None, training=LONG))["id"]
    server.wait(lambda: server.training(key))
    workers = server.workers()
    with httpx.stream("GET", f"{server.url}/api/changes", timeout=30) as stream:
        server.process.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(server.get, f"/api/experiments/{key}")
            time.sleep(6)
            assert not asked.done()
            server.process.send_signal(signal.SIGCONT)
            assert asked.result(timeout=20)["id"] == key
        said = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert any(change.get("status") == "succeeded" for change in said)
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 1)
    assert server.workers() == workers
    check(server)
    stop_and_count(server)


@pytest.mark.cases(1)
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_postgresql_that_is_restarted_holds_a_run_up_and_no_more(
    begin: Begin, faulty: Faulty, how: str
) -> None:
    postgres = Postgres()
    try:
        server = begin(LORAONE_DATABASE_URL=postgres.new_database(), LORAONE_STALL_MINUTES="5")
        key = server.post("/api/experiments", faulty(None, training=LONG))["id"]
        server.wait(lambda: server.training(key))
        postgres.stop(how)
        time.sleep(3)
        postgres.start()
        (run,) = server.settle(key)
        assert (run["status"], run["attempt"]) == ("succeeded", 1)
        after = server.post("/api/experiments", theory(2))["id"]
        assert statuses(server, after) == {"succeeded"}
        check(server)
        stop_and_count(server)
    finally:
        postgres.remove()


def test_a_page_that_follows_sees_the_end_of_every_run_across_a_crash(begin: Begin) -> None:
    server = begin()
    seen: dict[int, str] = {}
    last = "0"

    def follow(address: str) -> None:
        nonlocal last
        try:
            with httpx.stream(
                "GET", f"{address}/api/changes", headers={"Last-Event-ID": last}, timeout=30
            ) as stream:
                for line in stream.iter_lines():
                    if line.startswith("id: "):
                        last = line[4:]
                    elif line.startswith("data: ") and '"status"' in line:
                        change = json.loads(line[6:])
                        seen[change["run"]] = change["status"]
        except httpx.HTTPError:
            pass

    first = threading.Thread(target=follow, args=(server.url,), daemon=True)
    first.start()
    key = server.post("/api/experiments", theory(10, steps=2000))["id"]
    server.wait(lambda: list(seen.values()).count("succeeded") >= 3)
    server.stop(signal.SIGKILL)
    first.join(10)
    again = begin()
    threading.Thread(target=follow, args=(again.url,), daemon=True).start()
    runs = again.settle(key)
    again.wait(lambda: [seen.get(run["id"]) for run in runs] == ["succeeded"] * 20, 10)
    check(again)
