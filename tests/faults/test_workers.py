"""Workers that go wrong: each costs its own run, is explained, and the next run is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.busy import busy
from tests.faults.conftest import Begin, Faulty, check, stop_and_count, theory

CASES: list[tuple[str, dict[str, str], int, str]] = [
    ("hang", {"LORAONE_STALL_MINUTES": "0.1"}, 3, "nothing went on"),
    ("flood", {"LORAONE_MAX_EVENTS_PER_SECOND": "100"}, 1, "100 events per second"),
    ("nan", {}, 1, "not finite"),
    (
        "memory",
        {"LORAONE_MEMORY_LIMIT_GB": "2", "LORAONE_STALL_MINUTES": "5"},
        1,
        "GB of host memory",
    ),
    ("too much", {}, 1, "ran out of memory in the phase"),
    ("disk", {}, 1, "the disk is full"),
]


@pytest.mark.cases(4)
@pytest.mark.parametrize(
    ("what", "settings", "attempts", "message"), CASES, ids=[case[0] for case in CASES]
)
def test_a_run_that_goes_wrong_says_how_and_the_next_one_succeeds(
    begin: Begin,
    faulty: Faulty,
    what: str,
    settings: dict[str, str],
    attempts: int,
    message: str,
) -> None:
    server = begin(**settings)
    key = server.post("/api/experiments", faulty(what))["id"]
    wrong, fine = server.settle(key)
    assert (wrong["status"], wrong["attempt"]) == ("failed", attempts), wrong
    assert message in wrong["error"]["message"], wrong["error"]
    assert wrong["error"]["hint"]
    assert (fine["status"], fine["attempt"]) == ("succeeded", 1)
    check(server)
    stop_and_count(server)


def test_a_flood_of_lines_fills_a_log_to_its_limit_and_no_further(
    begin: Begin, faulty: Faulty
) -> None:
    server = begin()
    key = server.post("/api/experiments", faulty("print"))["id"]
    assert [run["status"] for run in server.settle(key)] == ["succeeded"] * 2
    log = server.get(f"/api/runs/{server.runs(key)[0]['id']}/log")
    assert "line 0 of far too many\n" in log["text"]
    assert "more was printed than is kept" in log["text"]
    assert len(log["text"]) < 1_100_000


def test_a_crash_is_tried_three_times_and_each_log_says_where_it_was(
    begin: Begin, faulty: Faulty
) -> None:
    server = begin()
    key = server.post("/api/experiments", faulty("crash"))["id"]
    run, fine = server.settle(key)
    assert (run["status"], run["attempt"], fine["status"]) == ("failed", 3, "succeeded")
    assert run["error"]["message"] == "the worker process crashed (SIGSEGV), 3 times"
    log = server.get(f"/api/runs/{run['id']}/log")
    assert log["attempts"] == [1, 2, 3]
    assert "Segmentation fault" in log["text"]
    assert "loraone_faults/factors.py" in log["text"]
    check(server)


def test_a_run_that_takes_too_long_fails_once(begin: Begin) -> None:
    server = begin(LORAONE_TIME_LIMIT_MINUTES="0.1", LORAONE_STALL_MINUTES="5")
    long = theory(1, steps=1_000_000)
    key = server.post("/api/experiments", long)["id"]
    runs = server.settle(key)
    assert {(run["status"], run["attempt"]) for run in runs} == {("failed", 1)}, runs
    assert "more than 0.1 minutes" in runs[0]["error"]["message"]
    check(server)


def test_a_frozen_worker_is_noticed_and_its_run_begun_anew(begin: Begin, faulty: Faulty) -> None:
    server = begin(LORAONE_STALL_MINUTES="5")
    training = {"steps": 300, "batch_size": 8, "warmup_steps": 1, "eval_every": 100}
    key = server.post("/api/experiments", faulty(None, training=training))["id"]
    server.wait(lambda: server.training(key))
    (worker,) = server.workers()
    worker.suspend()
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    assert not worker.is_running()
    check(server)
    stop_and_count(server)


def test_a_worker_that_dies_while_it_loads_is_started_again(begin: Begin, faulty: Faulty) -> None:
    server = begin()
    key = server.post("/api/experiments", faulty(None))["id"]
    server.wait(server.workers)[0].kill()
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    check(server)


def test_a_cancelled_run_that_hangs_is_gone_within_two_seconds(
    begin: Begin, faulty: Faulty
) -> None:
    server = begin(LORAONE_STALL_MINUTES="5")
    key = server.post("/api/experiments", faulty("hang"))["id"]
    server.wait(lambda: server.runs(key)[0]["phase"] == "init")
    (worker,) = server.workers()
    server.post(f"/api/runs/{server.runs(key)[0]['id']}/cancel")
    worker.wait(timeout=2 * busy())
    assert [run["status"] for run in server.settle(key)] == ["cancelled", "succeeded"]
    check(server)


def test_a_run_that_was_lost_three_times_can_be_tried_again_by_hand(
    begin: Begin, faulty: Faulty
) -> None:
    server = begin()
    key = server.post("/api/experiments", faulty("exit"))["id"]
    run = server.settle(key)[0]
    assert "exit code 7), 3 times" in run["error"]["message"]
    server.post(f"/api/runs/{run['id']}/retry")
    server.wait(lambda: server.runs(key)[0]["attempt"] == 5)
    assert server.runs(key)[0]["status"] != "failed"


def test_the_worker_is_what_the_kernel_takes_first(begin: Begin) -> None:
    server = begin()
    server.post("/api/experiments", theory(1))
    (worker,) = server.wait(server.workers)
    score = Path(f"/proc/{worker.pid}/oom_score_adj")
    server.wait(lambda: score.read_text().strip() == "1000", 10)
    assert Path(f"/proc/{server.process.pid}/oom_score_adj").read_text().strip() != "1000"
