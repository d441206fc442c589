"""MLflow and Optuna Dashboard with as many runs, under the same readers: from an environment with

python -m venv PEERS && PEERS/bin/pip install mlflow optuna optuna-dashboard

Each server is started with its own defaults, on SQLite. What is asked is what their lists and one
of their results ask for; they store no spectra and draw figures in the browser, so these are not
the same answers, only the same readers on the same machine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.readers import Answers, Load, read

READERS, PER_EXPERIMENT = 20, 20

_MLFLOW = """
import sys, time, uuid
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
store = SqlAlchemyStore(sys.argv[1], sys.argv[2])
for number in range(int(sys.argv[3])):
    key = store.create_experiment(f"Sweep {number}")
    for k in range(int(sys.argv[4])):
        run = store.create_run(key, "ana", 0, [RunTag("method", "lora")], f"run {k}").info.run_id
        metrics = [Metric("train_loss", 1 + step / 9, step, step) for step in range(0, 41, 4)]
        store.log_batch(run, metrics, [Param("rate", str(k)), Param("rank", "8")], [])
        store.update_run_info(run, 3, 1, None)
"""
_OPTUNA = """
import sys, optuna
from optuna.distributions import FloatDistribution
optuna.logging.set_verbosity(optuna.logging.WARNING)
storage = optuna.storages.RDBStorage(sys.argv[1])
for number in range(int(sys.argv[3])):
    study = optuna.create_study(storage=storage, study_name=f"Sweep {number}")
    study.add_trials([
        optuna.trial.create_trial(
            params={"rate": k / 100}, distributions={"rate": FloatDistribution(0, 1)},
            value=1 + k / 9,
            intermediate_values={step: 1 + step / 9 for step in range(0, 41, 4)},
        ) for k in range(int(sys.argv[4]))
    ])
"""
_PROGRAMS = {"mlflow": _MLFLOW, "optuna-dashboard": _OPTUNA}


def fill(environment: Path, home: Path, runs: int) -> None:
    """Databases of both with so many runs, where they are installed and have none yet."""
    for name, program in _PROGRAMS.items():
        database = home / f"{name}.db"
        if database.exists() or not (environment / "bin" / name).exists():
            continue
        home.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        count = [str(runs // PER_EXPERIMENT), str(PER_EXPERIMENT)]
        given = [f"sqlite:///{database}", str(home / "artifacts"), *count]
        command = [environment / "bin" / "python", "-c", program, *given]
        filling = subprocess.run(command, capture_output=True, text=True)
        if filling.returncode:
            database.unlink(missing_ok=True)  # half of it would be taken for all
            raise RuntimeError(f"{name} cannot be seeded: {filling.stderr[-2000:]}")
        print(f"seeded {name} in {time.perf_counter() - began:.0f} s")


def measure(environment: Path, home: Path, seconds: float) -> Iterator[tuple[str, Answers]]:
    """The readers of each that is installed: of its list, and of one result each."""
    keys = range(1, READERS + 1)
    lists = {
        "mlflow": ["/api/2.0/mlflow/experiments/search?max_results=50"],
        "optuna-dashboard": ["/api/studies"],
    }
    searches = {key: json.dumps({"experiment_ids": [str(key)], "max_results": 100}) for key in keys}
    results = {
        "mlflow": [[f"/api/2.0/mlflow/runs/search {body}"] for body in searches.values()],
        "optuna-dashboard": [[f"/api/studies/{key}?after=0"] for key in keys],
    }
    for name in _PROGRAMS:
        if not (environment / "bin" / name).exists():
            continue
        with _served(environment / "bin" / name, home / f"{name}.db") as port:
            for what, paths in (("list", [lists[name]] * READERS), ("results", results[name])):
                yield f"{name}: {what}", read(Load("127.0.0.1", port, paths, seconds))


@contextmanager
def _served(program: Path, database: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"sqlite:///{database}"
    store = ["server", "--backend-store-uri", url] if program.name == "mlflow" else [url]
    command = [program, *store, "--host", "127.0.0.1", "--port", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=database.parent)
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()
