"""The trackers of :mod:`accelerate.tracking`, each begun and ended as its runs are found again."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from loraone.tracking.origin import Origin, Plain
from loraone.tracking.rows import FAILED, SUCCEEDED

PROJECT = "loraone"
# How long one waits for another to make what both need, such as a database.
LOCK_S = 60.0


class Tool(ABC):
    """A run in one tracker: begun, told of numbers, ended. All of it in one thread."""

    def __init__(self, origin: Origin, folder: Path) -> None:
        self.origin = origin
        self.folder = folder
        self.tracker: Any = None

    @abstractmethod
    def make(self) -> Any:
        """The tracker of accelerate, not started."""

    def begin(self) -> None:
        """Start the run there, with what it ran."""
        self.tracker = self.make()
        # Two that start at once would make one database, or one experiment, twice.
        with FileLock(self.folder / f"{type(self).__name__}.lock", timeout=LOCK_S):
            self.tracker.start()
        self.configure({**self.origin.config, **self.origin.tags})

    def configure(self, config: Mapping[str, Plain]) -> None:
        """Say what it runs."""
        self.tracker.store_init_configuration(dict(config))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Numbers at a step."""
        self.tracker.log(dict(values), step=step)

    def end(self, status: str, step: int) -> None:
        """End it, and say how the run ended."""
        self.tracker.finish()


class MLflow(Tool):
    """An MLflow run in the MLflow experiment of the same name."""

    def make(self) -> Any:
        from accelerate.tracking import MLflowTracker

        origin = self.origin
        return MLflowTracker(
            experiment_name=origin.group,
            run_name=origin.title,
            tags=origin.tags,
            description=origin.url,
        )

    def configure(self, config: Mapping[str, Plain]) -> None:
        super().configure(self.origin.config)  # its tags are tags

    def end(self, status: str, step: int) -> None:
        import mlflow

        mlflow.set_tag("loraone.status", status)
        mlflow.end_run({SUCCEEDED: "FINISHED", FAILED: "FAILED"}.get(status, "KILLED"))


class WandB(Tool):
    """A run of the project ``loraone``, or of WANDB_PROJECT, in the group of its experiment."""

    def make(self) -> Any:
        import wandb
        from accelerate.tracking import WandBTracker

        # Neither what is printed here nor this machine, its packages or its source is part of it.
        alone = wandb.Settings(
            console="off", disable_git=True, disable_code=True, x_disable_stats=True,
            x_disable_machine_info=True, x_disable_meta=True, x_save_requirements=False, host="",
        )  # fmt: skip
        return WandBTracker(
            os.environ.get("WANDB_PROJECT", PROJECT),
            name=self.origin.title,
            group=self.origin.group,
            tags=[PROJECT],
            notes=self.origin.url,
            dir=str(self.folder),
            settings=alone,
        )

    def end(self, status: str, step: int) -> None:
        self.tracker.tracker.summary["loraone.status"] = status
        self.tracker.tracker.finish(exit_code=0 if status == SUCCEEDED else 1)


class Trackio(Tool):
    """A run of the project of its experiment."""

    def make(self) -> Any:
        from accelerate.tracking import TrackioTracker

        config = {**self.origin.config, **self.origin.tags}
        # Nothing of this machine, which runs no run where that is on a cluster.
        return TrackioTracker(
            self.origin.group, name=self.origin.title, group=PROJECT, config=config, embed=False,
            auto_log_cpu=False, auto_log_gpu=False,
        )  # fmt: skip

    def configure(self, config: Mapping[str, Plain]) -> None:
        """It was told when it was made: accelerate would add to the configuration of the last."""

    def end(self, status: str, step: int) -> None:
        self.tracker.log({"loraone.status": status}, step=step)
        super().end(status, step)


class TensorBoard(Tool):
    """A folder of event files, in the folder of its experiment."""

    def make(self) -> Any:
        from accelerate.tracking import TensorBoardTracker

        named = os.environ.get("TENSORBOARD_LOGGING_DIR")
        folder = Path(named) if named else self.folder / "tensorboard"
        return TensorBoardTracker(self.origin.title, folder / self.origin.group)

    def end(self, status: str, step: int) -> None:
        self.tracker.log({"loraone.status": status}, step=step)
        super().end(status, step)


TOOLS: dict[str, type[Tool]] = {
    "mlflow": MLflow,
    "wandb": WandB,
    "trackio": Trackio,
    "tensorboard": TensorBoard,
}
