"""A soak: thousands of short runs through one server, its memory and its latency along the way.

    python -m benchmarks.soak [RUNS]

Dispatch latency is the time between the end of a run and the start of the next one on the same
lane, from the stored times; memory is what the server's process holds.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.server import served

PER_EXPERIMENT = 500


def main(count: int) -> dict[str, Any]:
    """Run ``count`` short runs and say what the server took."""
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as (http, pid):
        return measure(http, psutil.Process(pid), count)


def measure(http: httpx.Client, server: psutil.Process, count: int) -> dict[str, Any]:
    began = time.monotonic()
    keys = []
    for first in range(0, count, PER_EXPERIMENT):
        size = min(PER_EXPERIMENT, count - first)
        spec = {
            "name": f"Soak from {first}",
            "task": "teacher-student",
            "methods": ["lora"],
            "grid": {"learning_rates": [0.01], "seeds": list(range(first, first + size))},
        }
        answer = http.post("/api/experiments", json=spec)
        answer.raise_for_status()
        keys.append(answer.json()["id"])
    memory: list[tuple[int, int]] = []
    done = 0
    while done < count:
        time.sleep(1)
        waiting = http.get("/api/queue").json()["waiting"]
        done = count - waiting if waiting else count_ended(http, keys)
        memory.append((done, server.memory_info().rss))
    runs = [run for key in keys for run in http.get(f"/api/experiments/{key}").json()["runs"]]
    runs.sort(key=lambda run: run["started_at"])
    assert all(run["status"] == "succeeded" for run in runs)
    gaps = [
        1000 * (at(after["started_at"]) - at(before["finished_at"]))
        for before, after in itertools.pairwise(runs)
    ]
    warm = next(rss for ended, rss in memory if ended >= min(100, count // 2))
    return {
        "runs": count,
        "seconds": round(time.monotonic() - began, 1),
        "server_mb_after_100": round(warm / 1e6, 1),
        "server_mb_at_the_end": round(memory[-1][1] / 1e6, 1),
        "server_mb_grown": round((memory[-1][1] - warm) / 1e6, 1),
        "dispatch_ms_median_first_100": round(statistics.median(gaps[1:101]), 2),
        "dispatch_ms_median_last_100": round(statistics.median(gaps[-100:]), 2),
        "ratio": round(statistics.median(gaps[-100:]) / statistics.median(gaps[1:101]), 3),
    }


def count_ended(http: httpx.Client, keys: list[int]) -> int:
    counts = [http.get(f"/api/experiments/{key}").json()["counts"] for key in keys]
    return sum(count["succeeded"] + count["failed"] + count["cancelled"] for count in counts)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    measured = main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    print(json.dumps(measured, indent=2))
