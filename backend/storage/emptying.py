"""What goes for good: files first, then rows, and then the space that a database keeps of them.

What a deletion holds is removed in steps that leave room for other writers. Its row stands until
nothing else of it does, so that a server that was killed in between goes on with it, and what
cannot be removed is said and tried again. No path of a row is believed: the files of a run lie in
folders of its number.

On SQLite the next number is the highest one and one more. The row with the highest number
therefore stays, empty, until there is a higher one: no link and no log is ever another run's.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from backend.settings import Settings
from backend.storage.audience import EVERYTHING, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.store import changes, deletions, usage
from backend.storage.store.runs import RESULTS
from backend.storage.store.sizes import folder_bytes
from backend.storage.stored_files import StoredFileError, located
from backend.storage.tables import (
    ArtifactRow,
    BinnedAdapter,
    BinnedRun,
    Deletion,
    Experiment,
    Note,
    Run,
    Tag,
)
from backend.storage.vacuum import vacuum
from backend.storage.versions import TOUCHES

# Taking a run away takes its rows along: so many at a time.
_RUNS = 25
# What could not be removed is tried again after this time.
AGAIN_S = 60.0


@dataclass(frozen=True)
class Freed:
    """What was removed: runs, bytes of files and logs, bytes that the database gave back."""

    runs: int = 0
    files: int = 0
    logs: int = 0
    database: int = 0
    # What could not be, in sentences; and whether time was over before all was done.
    trouble: list[str] = field(default_factory=list)
    goes_on: bool = False


class Emptying:
    """Removes for good what is marked so; one thread at a time."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._turn = threading.Lock()
        self._again: dict[int, float] = {}
        # Whether the database may have pages to give back.
        self._vacuum = False

    def go_on(self, seconds: float) -> None:
        """What housekeeping does: what is too old goes too; for so long at most, and not while
        somebody else empties the bin."""
        with reading_for(EVERYTHING):
            with self._database.read() as session:
                old = deletions.expired(session, self._settings.bin_days)
            if old:
                with self._database.write() as session:
                    deletions.empty(session, old)
            if self._turn.acquire(blocking=False):
                try:
                    self._remove(seconds, time.monotonic())
                    self._give_back()
                finally:
                    self._turn.release()

    def now(self, ids: Sequence[int], seconds: float) -> Freed:
        """Remove these, and what else is marked; what is not done in time goes on later.

        Whoever asks has chosen among what they see. What is marked is another's too, and a row that
        they do not see would count as gone: its files would stay, its number be given again.
        """
        with reading_for(EVERYTHING):
            with self._database.write() as session:
                deletions.empty(session, ids)
            with self._turn:
                freed = self._remove(seconds, float("inf"))
                return replace(freed, database=self._give_back())

    def _give_back(self) -> int:
        if not self._vacuum:
            return 0
        given = vacuum(self._database, self._settings.home)
        self._vacuum = given is None  # not now
        return given or 0

    def _remove(self, seconds: float, at: float) -> Freed:
        """Go through all that is marked; of what was tried in vain what is due ``at`` that time."""
        freed = Freed()
        until = time.monotonic() + seconds
        with self._database.read() as session:
            query = select(Deletion).where(Deletion.state != "kept").order_by(Deletion.id)
            rows = session.scalars(query).all()
            marked = [row.id for row in rows if row.state != "held" or not _is_held(session, row)]
        self._again = {key: due for key, due in self._again.items() if key in marked}
        for key in marked:
            if self._again.get(key, 0.0) > at:
                continue
            freed, trouble = self._one(key, freed, until)
            if trouble:
                self._again[key] = time.monotonic() + AGAIN_S
                freed = replace(freed, trouble=[*freed.trouble, trouble])
            if time.monotonic() > until:
                return replace(freed, goes_on=True)
        return freed

    def _one(self, key: int, freed: Freed, until: float) -> tuple[Freed, str | None]:
        """Remove one deletion, or as much of it as there is time for; what is in the way."""
        after, trouble = 0, None
        while time.monotonic() <= until:
            with looking_into_bin(), self._database.read() as session:
                deletion = session.get(Deletion, key)
                if deletion is None:
                    return freed, None
                ids = _next(session, deletion, after)
            if not ids:
                break
            after = ids[-1]
            clear = []
            for run_id in ids:
                try:
                    files, logs = self._files(deletion, run_id)
                except (OSError, StoredFileError) as error:
                    trouble = _sentence(run_id, error)
                    continue
                clear.append(run_id)
                freed = replace(freed, files=freed.files + files, logs=freed.logs + logs)
            with self._database.write() as session:
                freed = replace(freed, runs=freed.runs + _rows(session, deletion, clear))
            self._vacuum = True
        else:
            return freed, trouble
        with self._database.write() as session:
            _finish(session, key, trouble)
        return freed, trouble

    def _files(self, deletion: Deletion, run_id: int) -> tuple[int, int]:
        """Remove the files of a run, or its adapter alone; bytes of files and of logs."""
        artifacts = self._settings.artifacts
        if deletion.kind == "adapters":
            with self._database.read() as session:
                row = session.get(ArtifactRow, (run_id, "adapter"))
            # One that is in no folder of the run is not the run's to remove.
            if row is None or not row.path.startswith(f"{run_id}/"):
                return 0, 0
            return _away(located(artifacts, row.path)), 0
        logs = _away(located(self._settings.logs, str(run_id)))
        return _away(located(artifacts, str(run_id))), logs


def _next(session: Session, deletion: Deletion, after: int) -> list[int]:
    """The next runs of a deletion."""
    if deletion.kind == "experiment":
        query = select(Run.id).where(Run.experiment_id == deletion.experiment_id, Run.id > after)
        column = Run.id
    else:
        marks = BinnedRun if deletion.kind == "runs" else BinnedAdapter
        query = select(marks.run_id).where(marks.deletion_id == deletion.id, marks.run_id > after)
        column = marks.run_id
    return [int(key) for key in session.scalars(query.order_by(column).limit(_RUNS))]


def _rows(session: Session, deletion: Deletion, ids: Sequence[int]) -> int:
    """Remove the rows of these runs, or of their adapters; of how many."""
    touches = {TOUCHES: deletion.experiment_id}
    if deletion.kind == "adapters":
        for key in ids:
            adapter = ArtifactRow.run_id == key, ArtifactRow.name == "adapter"
            session.execute(delete(ArtifactRow).where(*adapter), execution_options=touches)
        usage.changed(session, ids)
        return len(ids)
    newest = _newest(session, Run)
    gone = [key for key in ids if key != newest]
    if newest in ids:
        for table in RESULTS:
            mine = table.run_id == newest
            session.execute(delete(table).where(mine), execution_options=touches)
        none = ("error", "environment", "device", "layers", "init_scalars", "summary", "reason")
        blank: dict[str, Any] = {**dict.fromkeys(none), "spec": {}, "notes": [], "label": ""}
        _blank(session, Run, newest, blank, touches)
        usage.changed(session, [newest])
    session.execute(
        delete(Run).where(Run.id.in_(gone)),
        execution_options={**touches, "synchronize_session": False},
    )
    return len(gone)


def _is_held(session: Session, deletion: Deletion) -> bool:
    """Whether nothing is left of it but rows with the highest number."""
    if deletion.kind == "adapters":
        return False
    with looking_into_bin():
        left = _next(session, deletion, 0)
    if left:
        return left == [_newest(session, Run)]
    whole = deletion.kind == "experiment"
    return whole and deletion.experiment_id == _newest(session, Experiment)


def _finish(session: Session, key: int, trouble: str | None) -> None:
    """What is left when all runs were gone through: the experiment, and the deletion itself."""
    deletion = session.get(Deletion, key)
    if deletion is None:  # another server was faster
        return
    held = _is_held(session, deletion)
    with looking_into_bin():
        left = _next(session, deletion, 0)
    deletion.trouble = trouble
    if trouble is not None or (left and not held):
        return
    experiment_id = deletion.experiment_id
    touches = {TOUCHES: experiment_id}
    whole = deletion.kind == "experiment"
    changes.add_experiments(session, [experiment_id], "experiment")
    if held:
        deletion.state = "held"
        if whole:
            _clear(session, experiment_id, touches)
        return
    table: type[Experiment] | type[Deletion] = Experiment if whole else Deletion
    session.execute(
        delete(table).where(table.id == (experiment_id if whole else key)),
        execution_options={**touches, "synchronize_session": False},
    )


def _clear(session: Session, experiment_id: int, touches: dict[str, int]) -> None:
    """Leave nothing of an experiment but its number."""
    for table in (Tag, Note):
        mine = table.experiment_id == experiment_id
        session.execute(delete(table).where(mine), execution_options=touches)
    texts = dict.fromkeys(("name", "description", "search_text", "labels", "author"), "")
    blank: dict[str, Any] = {**texts, "spec": {}, "best": None, "methods": "[]"}
    _blank(session, Experiment, experiment_id, blank, touches)


def _blank(
    session: Session,
    table: type[Run] | type[Experiment],
    key: int,
    values: dict[str, Any],
    touches: dict[str, int],
) -> None:
    session.execute(
        update(table).where(table.id == key).values(**values),
        execution_options={**touches, "synchronize_session": False},
    )


def _newest(session: Session, table: type[Run] | type[Experiment]) -> int:
    with looking_into_bin():
        return session.scalar(select(func.max(table.id))) or 0


def _away(path: Path) -> int:
    """Remove a file or a folder; its bytes. What is not there takes none."""
    if not path.exists():
        return 0
    size = folder_bytes(path) if path.is_dir() else path.lstat().st_size
    with suppress(FileNotFoundError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return size


def _sentence(run_id: int, error: OSError | StoredFileError) -> str:
    reason = f"{error.strerror or error}" if isinstance(error, OSError) else str(error)
    return f"the files of run {run_id} cannot be removed: {reason}; it is tried again"
