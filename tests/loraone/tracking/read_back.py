"""What trackers say that they were told, asked as their users ask."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def _read(folder: Path, kind: str, name: str) -> list[Any]:
    for file in folder.glob("events.*"):
        read = EventAccumulator(str(file)).Reload()
        if name in read.Tags()[kind]:
            return list(read.Scalars(name) if kind == "scalars" else read.Tensors(name))
    return []


def scalars(folder: Path, name: str) -> dict[int, float]:
    """TensorBoard's values of a metric by step, so far."""
    return {event.step: event.value for event in _read(folder, "scalars", name)}


def texts(folder: Path, name: str) -> list[str]:
    """TensorBoard's words under a name."""
    tensors = _read(folder, "tensors", f"{name}/text_summary")
    return [tensor.tensor_proto.string_val[0].decode() for tensor in tensors]


def mlflow_runs(store: Path, experiment: str) -> list[Any]:
    """MLflow's runs of the experiment of that name."""
    from mlflow import MlflowClient

    client = MlflowClient(f"file:{store}")
    (found,) = (each for each in client.search_experiments() if each.name == experiment)
    return list(client.search_runs([found.experiment_id]))


class TrackioRun:
    """A run as trackio shows it."""

    def __init__(self, rows: list[dict[str, Any]], config: dict[str, Any]) -> None:
        self.config = config
        self._rows = rows

    def metric(self, name: str) -> dict[int, Any]:
        """Its values by step."""
        return {row["step"]: row[name] for row in self._rows if name in row}


def trackio_runs(group: str) -> dict[str, TrackioRun]:
    """trackio's runs of the experiment of that name, by their own: in TRACKIO_DIR, which is read
    when it is first imported."""
    trackio, storage = import_module("trackio"), import_module("trackio.sqlite_storage")
    logs = storage.SQLiteStorage.get_logs
    project = "".join(letter for letter in group if letter.isalnum() or letter in "-_")
    return {
        run.name: TrackioRun(logs(project, run_id=run.id), run.config)
        for run in trackio.Api().runs(project)
    }
