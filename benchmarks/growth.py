"""What an answer costs the server as more is stored: milliseconds of CPU of its process.

``python -m benchmarks.growth`` seeds databases of 1 000, 10 000 and 100 000 runs, starts a server
process on each, and asks it on its socket. CPU time is what the kernel counts for all threads of
the server, a median over requests. Each answer is computed anew, and by that process: what is kept
or computed by readers would hide what it costs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks.growth_seed import Shape, fill
from benchmarks.measuring import row
from benchmarks.server import served

SHAPES = {
    "1 000 runs": Shape(1_000),
    "10 000 runs": Shape(10_000),
    "100 000 runs": Shape(100_000),
    "100 000 in 200 experiments": Shape(100_000, per_experiment=500),
    "100 000 in 20 000 experiments": Shape(100_000, per_experiment=5),
    "100 000, 5 000 wait in 10": Shape(100_000, queued=5_000, queued_experiments=10),
    "100 000, 5 000 wait in 5 000": Shape(100_000, queued=5_000, queued_experiments=5_000),
}
SEARCHES = (
    "status:succeeded -tag:old", "status:failed", "best sweep", "-best", "method:lora-one",
    "model:minilm", "-data:data-3", "task:class", "by:ana", "-is:starred", "since:2026-10",
    "lr>1e-4", "rank=16", "seed<3", "method:pissa lr>1e-4 by:ana -tag:old",
)  # fmt: skip
REQUESTS = {
    "history": "/api/experiments",
    **{f"`{text}`": f"/api/experiments?q={quote(text)}" for text in SEARCHES},
    "queue": "/api/queue",
}
# Measured before the queries had indexes of their own (1 000, 10 000 and 100 000 runs).
BEFORE = {"history": (28, 43, 200), "`status:succeeded -tag:old`": (24, 121, 921),
          "queue": (5, 8, 34)}  # fmt: skip


def spent(pid: int) -> float:
    """Milliseconds of CPU that the process has had, with all its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def ask(http: httpx.Client, pid: int, path: str, repeats: int) -> float:
    """The median of the CPU time of so many answers; the first is not counted."""
    times = []
    for _ in range(repeats + 1):
        before = spent(pid)
        http.get(path).raise_for_status()
        times.append(spent(pid) - before)
        time.sleep(0.01)
    return statistics.median(times[1:])


def measure(home: Path, repeats: int) -> dict[str, float]:
    """Of every request, on a server whose lanes are paused: what waits is to go on waiting."""
    with served(home, LORAONE_CACHE_MB="0", LORAONE_READERS="0") as (http, pid):
        for lane in http.get("/api/queue").json()["lanes"]:
            http.post(f"/api/lanes/{lane['name']}?mode=drained").raise_for_status()
        time.sleep(2)
        return {name: ask(http, pid, path, repeats) for name, path in REQUESTS.items()}


def main() -> None:
    """Print a table of each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.only:
            home = Path(scratch) / "home"
            began = time.perf_counter()
            fill(home, SHAPES[name])
            print(f"\n{name}: seeded in {time.perf_counter() - began:.0f} s\n", flush=True)
            measured = measure(home, options.repeats)
            shutil.rmtree(home)
            place = list(SHAPES).index(name)
            row("request", "CPU ms", "before")
            row("---", "---", "---")
            for request, ms in measured.items():
                before = BEFORE.get(request, ())
                row(request, f"{ms:.1f}", before[place] if place < len(before) else "–")


if __name__ == "__main__":
    main()
