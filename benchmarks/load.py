"""Twenty readers of a server that runs write to: answers a second, and what is left for the runs.

``python -m benchmarks.load`` starts a server on a socket, with 10 000 stored runs. Every reader
has an experiment and goes round over what the page asks for it: history, experiment, overview,
runs, curves, spectra, notes, queue, catalogue; a quarter of them look at the experiment whose runs
are being written. Runs are teacher–student problems of some milliseconds each. ``--peers`` names
an environment with MLflow and Optuna Dashboard, which are asked by the same client.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from backend.settings import Settings
from backend.web.app import create_app
from benchmarks import peers
from benchmarks.history import seed
from benchmarks.measuring import row
from benchmarks.readers import Answers, Load, read, started
from benchmarks.server import served

READERS, STREAMS = 20, 5
# What people do between two answers; a reader that waits for nothing is a script.
PAUSE_S = 0.2
RUNS_S = 12.0
PER_EXPERIMENT = 20
# Of a hundred runs each; more than can be finished.
EXPERIMENTS = 40
# Seconds between two answers, of readers beside whom runs are written.
WHILE_WRITING = {
    f"runs: 20, {PAUSE_S} s between, {STREAMS} streams": PAUSE_S,
    f"runs: 20 without pause, {STREAMS} streams": 0.0,
}


def main() -> None:
    """Print a table of each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="that are stored before")
    parser.add_argument("--seconds", type=float, default=RUNS_S, help="of each part")
    parser.add_argument("--repeats", type=int, default=3, help="of the parts in which runs write")
    parser.add_argument("--home", type=Path, help="keep the seeded database here")
    parser.add_argument("--peers", type=Path, help="an environment with mlflow, optuna-dashboard")
    parser.add_argument("--by-path", action="store_true", help="medians of each route as well")
    parser.add_argument("--seed-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch) / "loraone"
        filled(home, options.runs)
        if options.peers:
            peers.fill(options.peers, home / "peers", options.runs)
        if options.seed_only:
            return
        head()
        with served(home, LORAONE_CPU_THREADS="1") as (http, _):
            measure(http, home, options.seconds, options.repeats, options.by_path)
        if options.peers:
            for name, answers in peers.measure(options.peers, home / "peers", options.seconds):
                show(name, answers)


def filled(home: Path, runs: int) -> None:
    """A database with so many stored runs."""
    if (home / "loraone.db").exists():
        return
    began = time.perf_counter()
    home.mkdir(parents=True, exist_ok=True)
    app = create_app(Settings(home=home))
    seed(app, runs, PER_EXPERIMENT)
    app.state.database.close()
    print(f"seeded {runs} runs in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def head() -> None:
    row(
        "readers",
        "answers a second",
        "median (ms)",
        "p95 (ms)",
        "p99 (ms)",
        "refused",
        "runs",
        "of their pace",
    )
    row(*["---"] * 8)


def show(name: str, answers: Answers | None, runs: int | None = None, pace: float = 1.0) -> None:
    """One line of the table; what answers with an error is counted, not hidden."""
    cells = ("", "", "", "", "")
    if answers is not None:
        refused = sum(n for key, n in answers.statuses.items() if key not in ("200", "304"))
        marks = (f"{answers.at(share):.0f}" for share in (0.5, 0.95, 0.99))
        cells = (f"{answers.rate:.0f}", *marks, f"{refused}")
    row(name, *cells, *(("", "") if runs is None else (runs, f"{pace:.2f}")))


def measure(http: httpx.Client, home: Path, seconds: float, repeats: int, by_path: bool) -> None:
    """Readers alone, runs alone, both."""
    url = http.base_url

    def load(paths: list[list[str]], **more: Any) -> Load:
        return Load(url.host, url.port or 80, paths, seconds, **more)

    found = http.get("/api/experiments", params={"limit": 200, "q": "sweep"}).json()
    listed = [row["id"] for row in found["experiments"]]
    stored = listed[:READERS]
    quiet = [pages(key) for key in stored]
    every = [
        [path for key in stored[n:] + stored[:n] for path in pages(key)[1:6]]
        for n in range(READERS)
    ]
    if not every:
        return
    show("no runs: 20, each answer for the first time or again", read(load(every)))
    answers = read(load(quiet))
    show("no runs: 20 without pause", answers)
    show(
        "no runs: 20 without pause, as a browser (If-None-Match)",
        read(load(quiet, revalidate=True)),
    )
    show(f"no runs: 20, {PAUSE_S} s between", read(load(quiet, pause=PAUSE_S)))
    if by_path:
        each(answers)

    with Writing(http, home) as writing:
        paced(http, writing, stored, seconds, repeats, by_path)


def paced(
    http: httpx.Client,
    writing: Writing,
    stored: list[int],
    seconds: float,
    repeats: int,
    by_path: bool,
) -> None:
    """Runs alone, then beside readers, and so on: medians of so many rounds, since the machine
    may be another one a minute later."""
    url = http.base_url
    found: dict[str, list[tuple[int, float, Answers]]] = {}
    alone: list[int] = []
    for _ in range(repeats):
        count = writing.finished()
        time.sleep(seconds)
        alone.append(writing.finished() - count)
        for name, pause in WHILE_WRITING.items():
            going = writing.going_on()
            keys = [going + n // 4 if n % 4 == 0 else key for n, key in enumerate(stored)]
            streams = ["/api/changes", *(f"/api/changes?experiment={key}" for key in keys[:16:4])]
            load = Load(url.host, url.port or 80, [pages(key) for key in keys], seconds)
            count = writing.finished()
            wait = started(replace(load, pause=pause, streams=streams))
            time.sleep(seconds)
            runs = writing.finished() - count
            found.setdefault(name, []).append((runs, runs / max(alone[-1], 1), wait()))
    show("runs alone", None, round(statistics.median(alone)), 1.0)
    for name, parts in found.items():
        runs, paces, answers = zip(*parts, strict=True)
        all_of_them = together(answers)
        show(name, all_of_them, round(statistics.median(runs)), statistics.median(paces))
        if by_path:
            each(all_of_them)


def together(parts: Sequence[Answers]) -> Answers:
    """What several rounds were given, as of one."""
    paths = sorted({path for part in parts for path in part.by_path})
    return Answers(
        [taken for part in parts for taken in part.times],
        {path: [taken for part in parts for taken in part.by_path.get(path, [])] for path in paths},
        sum(part.seconds for part in parts),
        dict(sum((Counter(part.statuses) for part in parts), Counter[str]())),
        sum(part.bytes for part in parts),
        sum(part.events for part in parts),
    )


def each(answers: Answers) -> None:
    """Medians of each route."""
    for path, times in sorted(answers.by_path.items()):
        marks = Answers(times, {}, 1, {}, 0, 0)
        print(f"    {path:40} {len(times):6} {marks.at(0.5):8.1f} {marks.at(0.95):8.1f}")


def pages(key: int) -> list[str]:
    """What the page asks for while somebody looks at an experiment, and at what goes on."""
    return [
        "/api/experiments",
        f"/api/experiments/{key}",
        f"/api/overview?of=e{key}",
        f"/api/runs?of=e{key}",
        f"/api/figures/curves?of=e{key}",
        f"/api/figures/spectra?of=e{key}",
        f"/api/experiments/{key}/notes",
        "/api/queue",
        "/api/catalog",
    ]


class Writing:
    """An experiment of many small runs that goes on, and is cancelled at the end."""

    def __init__(self, http: httpx.Client, home: Path) -> None:
        self._http = http
        self._database = sqlite3.connect(f"file:{home / 'loraone.db'}?mode=ro", uri=True)
        self._first = 0

    def __enter__(self) -> Writing:
        spec = {
            "name": "Runs that are written",
            "task": "teacher-student",
            "methods": ["lora"],
            "grid": {"learning_rates": [0.01], "seeds": list(range(100))},
        }
        answers = [self._http.post("/api/experiments", json=spec) for _ in range(EXPERIMENTS)]
        for answer in answers:
            answer.raise_for_status()
        self._first = answers[0].json()["id"]
        while self.finished() < 20:  # the worker has started
            time.sleep(0.1)
        return self

    def __exit__(self, *error: object) -> None:
        for key in range(self._first, self._first + EXPERIMENTS):  # all are too many at once
            answer = self._http.post("/api/runs/cancel", params={"of": f"e{key}"})
            answer.raise_for_status()

    def finished(self) -> int:
        """How many have ended, asked of the database, not of the server."""
        query = "SELECT count(*) FROM runs WHERE experiment_id >= ? AND status = 'succeeded'"
        return int(self._database.execute(query, (self._first,)).fetchone()[0])

    def going_on(self) -> int:
        """The experiment whose runs are being written."""
        query = "SELECT min(experiment_id) FROM runs WHERE experiment_id >= ? AND status = 'queued'"
        return int(self._database.execute(query, (self._first,)).fetchone()[0])


if __name__ == "__main__":
    main()
