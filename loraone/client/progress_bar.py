"""How far the runs of an experiment are, on standard error or in a notebook."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from loraone.client.following import ENDED, Runs
from loraone.client.models import RunOut


class ProgressBar:
    """A bar for the experiment, and one for each run that is under way."""

    def __init__(self, title: str, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._title = title
        self._all = self._progress.add_task(escape(title), total=None)
        self._running: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin to show it."""
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the last state behind."""
        for task in self._running.values():
            self._progress.remove_task(task)
        self._progress.stop()

    def show(self, runs: Runs, lost: str | None) -> None:
        """The runs as they stand, and why nothing comes where that is so."""
        ended = sum(run.status in ENDED for run in runs.values())
        failed = sum(run.status == "failed" for run in runs.values())
        said = [self._title, f"{failed} failed" if failed else "", f"({lost})" if lost else ""]
        self._progress.update(
            self._all,
            description=escape(" ".join(filter(None, said))),
            completed=ended,
            total=len(runs) or None,
        )
        under_way = {key: run for key, run in runs.items() if run.status == "running"}
        for key in self._running.keys() - under_way.keys():
            self._progress.remove_task(self._running.pop(key))
        for key, run in under_way.items():
            if key not in self._running:
                self._running[key] = self._progress.add_task("")
            self._progress.update(
                self._running[key],
                description=escape(f"  {_title(run)}"),
                completed=run.done,
                total=run.total or None,
            )


def _title(run: RunOut) -> str:
    rank = "" if run.rank is None else f", rank {run.rank}"
    return f"{run.label}{rank}, lr {run.learning_rate:g}, seed {run.seed}: {run.phase or 'starts'}"
