"""The history at 10 000 runs: seeds a database with real shapes, then times the server's answers.

``python -m benchmarks.history`` prints medians of requests to a server process on its socket, over
one connection that is kept. Seeding writes MiniLM's 36 layers for every run: metrics, alignments,
reports, and the spectra of the gradient and of the change.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select

from backend.settings import Settings
from backend.storage.store import experiments
from backend.storage.store.results import pack
from backend.storage.tables import (
    AlignmentRow,
    LayerColumn,
    MetricRow,
    OverlapRow,
    Run,
    SpectrumRow,
    Tag,
)
from backend.web.app import create_app
from benchmarks.server import served
from loraone.spec.experiment import ExperimentSpec

MODULES = ("self.query", "self.key", "self.value", "output.dense")
SHAPES = [(384, 384)] * 4 + [(1536, 384), (384, 1536)]
METHODS = ("lora", "lora_one", "pissa", "lora_ga_paper", "full")
STEPS = range(0, 41, 5)
RANK = 8


def layers() -> dict[str, list[Any]]:
    """MiniLM's 36 encoder layers."""
    parts = [*(f"attention.{name}" for name in MODULES), "intermediate.dense", "output.dense"]
    names = [f"bert.encoder.layer.{block}.{part}" for block in range(6) for part in parts]
    return {
        "names": names,
        "out_features": [m for _ in range(6) for m, _ in SHAPES],
        "in_features": [n for _ in range(6) for _, n in SHAPES],
    }


def seed(app: Any, runs: int, per_experiment: int) -> None:
    """``runs`` finished runs; numbers are drawn, shapes are real."""
    draw = np.random.default_rng(0)
    database = app.state.database
    rates = [1e-4 * 2**i for i in range(per_experiment // len(METHODS))]
    known = layers()
    count = len(known["names"])
    for number in range(runs // per_experiment):
        spec = ExperimentSpec.model_validate(
            {
                "name": f"Sweep {number}",
                "methods": list(METHODS),
                "grid": {"learning_rates": rates},
                "data": {"source": f"org/data-{number % 7}"},
            }
        )
        with database.write() as session:
            row = experiments.create(session, spec, ("ana", "bo", "cem")[number % 3])
            session.add(Tag(experiment_id=row.id, name=("paper", "old", "draft")[number % 3]))
            made = session.scalars(select(Run).where(Run.experiment_id == row.id)).all()
            for run in made:
                run.status, run.layers = "succeeded", known
                loss = float(draw.uniform(1, 2))
                run.summary = {"eval_loss": loss, "accuracy": 0.6, "train_seconds": 20.0}
                run.init_scalars = {"held_out_loss_before": 2.2, "held_out_loss_after": 2.1}
            session.flush()
            for run in made:
                _results(session, run.id, draw, count)


def _results(session: Any, run: int, draw: np.random.Generator, count: int) -> None:
    metrics = [
        {"run_id": run, "name": name, "step": step, "value": float(draw.uniform(1, 2)),
         "seconds": step / 2, "tokens": step * 700}
        for name in ("train_loss", "eval_loss", "accuracy") for step in range(0, 41, 4)
    ]  # fmt: skip
    session.execute(insert(MetricRow), metrics)
    angles = draw.uniform(0, 1.5, (len(STEPS), 2, count, RANK)).astype("<f4")
    session.execute(
        insert(AlignmentRow),
        [
            {"run_id": run, "step": step, "rank": RANK, "left": pack(angles[i, 0]),
             "right": pack(angles[i, 1]), "energy": pack(angles[i, 0, :, 0])}
            for i, step in enumerate(STEPS)
        ],
    )  # fmt: skip
    squared = pack(draw.uniform(0, 1, (count, RANK, RANK)).astype("<f4"))
    session.execute(
        insert(OverlapRow),
        [{"run_id": run, "step": 40, "size": RANK, "left": squared, "right": squared}],
    )
    names = ("relative", "norm", "base_change", "svd_error", "gap", "trust_left", "update_left")
    column = pack(draw.uniform(0.01, 1, count).astype("<f4"))
    session.execute(
        insert(LayerColumn), [{"run_id": run, "name": name, "values": column} for name in names]
    )
    spectrum = np.sort(draw.uniform(0, 1, 384).astype("<f4"))[::-1]
    session.execute(
        insert(SpectrumRow),
        [
            {"run_id": run, "quantity": quantity, "layer": layer, "length": 384,
             "values": pack(spectrum), "sigma1": float(draw.uniform()), "frobenius": 1.0,
             "stable_rank": float(draw.uniform(1, 9)), "effective_rank": 9.0,
             "energy_top_r": 0.5, "gap": 0.9}
            for quantity in ("gradient", "change") for layer in range(count)
        ],
    )  # fmt: skip


# Two methods of four experiments, and one run of each of eight.
EIGHT = "&".join(f"of=e{key}:{label}" for key in (7, 8, 9, 10) for label in ("LoRA", "PiSSA"))
RUNS = "&".join(f"of=r{20 * key + 1}" for key in range(7, 15))
REQUESTS = (
    ("health", "/api/health"),
    ("catalogue", "/api/catalog"),
    ("history, first page", "/api/experiments"),
    ("search: two words", "/api/experiments?q=sweep+12"),
    ("search: method, rate, person", "/api/experiments?q=method:lora-one+lr>1e-4+by:ana"),
    ("search: status and not a tag", "/api/experiments?q=status:succeeded+-tag:old"),
    ("search: nothing found", "/api/experiments?q=lr>5+zebra"),
    ("history, last page", "/api/experiments?offset=450"),
    ("experiment", "/api/experiments/7"),
    ("overview", "/api/overview?of=e7"),
    ("figure: curves, 5 series", "/api/figures/curves?of=e7"),
    ("figure: spectra, 5 series", "/api/figures/spectra?of=e7&layer=3"),
    ("figure: alignment, 5 series", "/api/figures/alignment?of=e7"),
    ("figure: per layer", "/api/figures/columns?of=e7&column=relative"),
    ("figure: overlap", "/api/figures/overlap?of=e7"),
    ("figure: alignment by layer", "/api/figures/alignment-layers?of=e7"),
    ("heat map", "/api/figures/heatmap?of=e7"),
    ("compare: overview, 8 series of 4", f"/api/overview?{EIGHT}"),
    ("compare: curves, 8 runs", f"/api/figures/curves?{RUNS}"),
    ("compare: spectra, 8 runs", f"/api/figures/spectra?{RUNS}&layer=3"),
    ("compare: alignment, 8 runs", f"/api/figures/alignment?{RUNS}"),
    ("compare: per layer, 8 runs", f"/api/figures/columns?{RUNS}"),
    ("table of 40 runs", "/api/runs?of=e7&of=e8"),
    ("queue", "/api/queue"),
    ("storage", "/api/server"),
)


def main() -> None:
    """Seed, then print one row for each request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--home", type=Path, help="keep the seeded database here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch)
        began = time.perf_counter()
        stored(home, options.runs)
        size = sum(file.stat().st_size for file in home.glob("loraone.db*"))
        print(f"{options.runs} runs, {size / 1e9:.2f} GB, {time.perf_counter() - began:.0f} s\n")
        print("| request | median (ms) | worst (ms) |")
        print("|---|---|---|")
        # What was kept would be measured otherwise.
        with served(home, LORAONE_CACHE_MB="0") as (client, _):
            for name, path in REQUESTS:
                times = []
                for _ in range(options.repeats + 1):
                    began = time.perf_counter()
                    answer = client.get(path)
                    times.append((time.perf_counter() - began) * 1e3)
                    assert answer.status_code == 200, answer.text
                print(f"| {name} | {statistics.median(times[1:]):.1f} | {max(times[1:]):.1f} |")


def stored(home: Path, runs: int) -> None:
    """A database of ``runs`` runs in ``home``, seeded where it is empty."""
    app = create_app(Settings(home=home))
    with app.state.database.read() as session:
        empty = not session.scalar(select(func.count()).select_from(Run))
    if empty:
        seed(app, runs, per_experiment=20)
    app.state.database.close()


if __name__ == "__main__":
    main()
