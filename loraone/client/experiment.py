"""An experiment on a server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from loraone.client import unpacking
from loraone.client.connection import Connection
from loraone.client.errors import ProblemError, RunsFailedError
from loraone.client.models import ExperimentDetailOut, NoteIn, NoteOut
from loraone.spec.experiment import ExperimentSpec

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_PATIENCE_S = 600.0
# How often a note is written anew where others write at the same time.
_TRIES = 5


class Experiment:
    """Experiment ``id`` of a server. Everything is asked for anew each time, as it is now."""

    def __init__(self, connection: Connection, key: int, name: str) -> None:
        self._connection = connection
        self.id = key
        self.name = name

    def __repr__(self) -> str:
        """By name, number and address."""
        return f"<Experiment {self.id} {self.name!r} at {self.url}>"

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self._connection.url}/experiments/{self.id}"

    @property
    def detail(self) -> ExperimentDetailOut:
        """What the server says of it: counts, runs with their errors, layers, tags."""
        return self._connection.read(ExperimentDetailOut, self._path)

    @property
    def status(self) -> str:
        """queued, running, succeeded, failed or cancelled."""
        return self.detail.status

    @property
    def spec(self) -> ExperimentSpec:
        """What was asked, as it can be launched again, here or there.

        Raises pydantic's ValidationError where this package refuses it, such as for a method that
        is installed on the server alone.
        """
        return ExperimentSpec.model_validate(self.detail.spec)

    def wait(
        self, progress: bool = True, *, check: bool = False, patience: float = _PATIENCE_S
    ) -> Experiment:
        """Wait until all runs have ended, with a progress bar.

        A connection that is lost is made again; after ``patience`` seconds without an answer
        UnreachableError is raised. Ctrl-C ends the waiting alone: the runs go on. With ``check``
        RunsFailedError is raised where runs failed.
        """
        from rich.console import Console

        from loraone.client.following import Following
        from loraone.client.progress_bar import ProgressBar

        console = Console(stderr=True)
        following = Following(self._connection, self.id, patience)
        bar = ProgressBar(f"{self.name} (experiment {self.id})", console) if progress else None
        runs = {}
        try:
            with bar or nullcontext():
                for runs in following:
                    if bar is not None:
                        bar.show(runs, following.lost)
        except KeyboardInterrupt:
            said = f"Not waited for any longer: the runs of experiment {self.id} go on, see "
            console.print(f"{said}{self.url}", markup=False, highlight=False, soft_wrap=True)
            raise
        failed = [run for run in runs.values() if run.status == "failed"]
        if check and failed:
            first = failed[0].error
            said = f"; the first: {first.message}" if first is not None else ""
            raise RunsFailedError(
                f"{len(failed)} of {len(runs)} runs of experiment {self.id} failed{said}",
                hint=first.hint if first is not None else None,
            )
        return self

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each run: its spec, where it stands, its results."""
        from loraone.client.tables import run_table

        return run_table(self._connection, self._item, self.detail.runs)

    def metrics(self) -> pd.DataFrame:
        """``run_id, metric, step, value, seconds, tokens``: every metric of every run by step."""
        return self._measured("metrics")

    def spectra(self, quantity: str = "gradient", layer: int | None = None) -> pd.DataFrame:
        """``run_id, layer_index, layer, index, value``: singular values, of all layers or one."""
        return self._measured("spectra", quantity=quantity, layer=layer)

    def alignment(self) -> pd.DataFrame:
        """``run_id, step, layer_index, layer, side`` and every measure of alignment with the
        one-step gradient."""
        return self._measured("alignment")

    def figure(self, name: str, **options: Any) -> go.Figure:
        """A figure of the page, such as ``figure("curves", metric="eval_loss", log_y=True)``.

        Names and options are those of ``/api/figures/…``; ClientError says which there are.
        """
        from loraone.client.tables import draw

        return draw(self._connection, self._item, name, options)

    def adapter(self, run: int, folder: str | Path) -> Path:
        """Unpack the adapter of a run into a folder that is empty or new; PEFT loads it from there.

        Raises FileExistsError where something is in the folder, and UnsafeArchiveError where the
        server sends what no run writes.
        """
        target = unpacking.empty_folder(Path(folder))
        with tempfile.TemporaryFile(dir=target.parent) as packed:
            self._connection.save(f"/api/runs/{run}/adapter.zip", packed)
            packed.seek(0)
            unpacking.unpack(packed, target)
        return target

    @property
    def notes(self) -> list[NoteOut]:
        """The versions of the notes, the newest first."""
        return self._connection.read(list[NoteOut], f"{self._path}/notes")

    def note(self, text: str) -> NoteOut:
        """Add a paragraph of Markdown to the notes, below what others wrote."""
        for attempt in range(_TRIES):
            known = self.notes
            whole = f"{known[0].text.rstrip()}\n\n{text}" if known and known[0].text else text
            base = known[0].version if known else 0
            body = NoteIn(text=whole, base=base).model_dump_json().encode()
            try:
                answer = self._connection.post(f"{self._path}/notes", body)
            except ProblemError as error:  # somebody wrote in between
                if error.status != 409 or attempt == _TRIES - 1:
                    raise
            else:
                return self._connection.understood(NoteOut, answer)
        raise AssertionError("the last attempt returns or raises")

    def cancel(self) -> int:
        """Cancel what has not ended; how many runs that were."""
        return self._change("cancel")

    def retry(self) -> int:
        """Queue again what failed or was cancelled; how many runs that are."""
        return self._change("retry")

    def report(self, path: str | Path) -> Path:
        """Write a report: one HTML file that opens offline."""
        return self._save("report.html", Path(path))

    def export(self, path: str | Path) -> Path:
        """Write everything that is stored, apart from files, as JSON that a server takes in."""
        return self._save("export.json", Path(path))

    @property
    def _path(self) -> str:
        return f"/api/experiments/{self.id}"

    @property
    def _item(self) -> str:
        return f"e{self.id}"

    def _measured(self, name: str, **params: Any) -> pd.DataFrame:
        from loraone.client.tables import read_table

        return read_table(self._connection, f"/api/measured/{name}", of=self._item, **params)

    def _change(self, verb: str) -> int:
        answer = self._connection.post(f"/api/runs/{verb}", of=self._item)
        return self._connection.understood(dict[str, int], answer)["changed"]

    def _save(self, name: str, path: Path) -> Path:
        with _whole(path) as written:
            self._connection.save(f"{self._path}/{name}", written)
        return path


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there as a whole, or as it was."""
    with tempfile.NamedTemporaryFile(dir=path.resolve().parent, delete=False) as written:
        part = Path(written.name)
        try:
            yield written
            written.close()
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
