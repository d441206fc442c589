"""Experiments while they come in: in steps that leave room for other writers, and unseen until all
is there.

The runs of one that is not complete have the status ``importing``, which no reader asks for; the
one they will have waits in ``phase``, and ``lane`` says which process brings them. What a process
has left that was killed is taken away by the next one that starts or imports.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from typing import Any

import psutil
from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.storage.database import Database
from backend.storage.store import experiments, settling, sizes, summaries, usage
from backend.storage.store.exported import Exported, ExportedRun
from backend.storage.tables import IMPORTING, Base, Comment, Experiment, Note, Run, RunSize, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# What one step writes at most, in rows and in bytes: a fraction of a second on a slow disk.
_ROWS = 10_000
_BYTES = 4 * 2**20
_RUNS = 500
# Taking a run away takes its rows along.
_RUNS_AWAY = 50
_ITS_VIEW = re.compile(r"/experiments/[1-9]\d{0,9}(\?[!-~]*)?")
# Between two steps others write.
_PAUSE_S = 0.03
# One whose process is not known here has been left when nothing came for so long.
SILENCE = timedelta(minutes=2)

_Rows = list[dict[str, Any]]


# Asked in the first step with the bytes that are coming: whose they will be; refuses by raising.
Admit = Callable[[Session, int], int | None]


def store(database: Database, exported: Exported, admit: Admit | None = None) -> int:
    """Store it as a new experiment, and say its number; nothing of it stays where that fails.

    Nobody sees any of it before all is there. Each step is bounded by ``_RUNS``, ``_ROWS`` and
    ``_BYTES`` but for the one that shows it, which writes the row of every run again: these are
    bounded by what an import may hold (:mod:`.exported`).
    """
    sweep(database)
    key = None
    try:
        runs = list(exported.runs)
        first, *others = _run_batches(runs)
        size = _expected(runs)
        with database.write() as session:
            owner = None if admit is None else admit(session, size)
            key = _begin(session, exported, owner)
            ids = _add_runs(session, key, first)
            usage.expect(session, key, ids, size)
        for batch in others:
            with _step(database) as session:
                added = _add_runs(session, key, batch)
                usage.expect(session, key, added, 0)
            ids += added
        for table, rows in _batches(runs, ids):
            with _step(database) as session:
                session.execute(insert(table), rows)
                session.execute(update(Run).where(Run.id == ids[0]).values(heartbeat_at=now()))
        if exported.comments:
            with _step(database) as session:
                session.execute(insert(Comment), _comments(exported, key, ids))
        with _step(database) as session:
            summaries.summarise(session, session.get_one(Experiment, key))
        with _step(database) as session:
            _show(session, key)
    except BaseException as error:
        if key is not None:
            with suppress(DBAPIError):  # such as a full disk: the next import takes it away
                _discard(database, key)
        if isinstance(error, IntegrityError):
            raise ConflictError("the import was interrupted, nothing of it is kept") from error
        raise
    # What is ahead is read from its runs until it is kept, if only by the next start.
    with suppress(DBAPIError), _step(database) as session:
        if session.get(Experiment, key) is not None:  # nobody has taken it away since
            settling.settle(session, key)
    return key


@contextmanager
def _step(database: Database) -> Iterator[Session]:
    """A transaction, after others had time for theirs."""
    time.sleep(_PAUSE_S)
    with database.write() as session:
        yield session


def _expected(runs: Sequence[ExportedRun]) -> int:
    """About as many bytes as they will take."""
    total = 0
    for run in runs:
        held = [(len(rows), sum(map(_size, rows))) for rows in run.results.values()]
        total += sizes.expected(run.size, held)
    return total


def _begin(session: Session, exported: Exported, owner: int | None = None) -> int:
    experiment = Experiment(**exported.experiment, owner_id=owner)
    session.add(experiment)
    session.flush()
    experiments.set_tags(session, experiment.id, exported.tags)
    if exported.notes:
        rows = [{"experiment_id": experiment.id, **note} for note in exported.notes]
        session.execute(insert(Note), rows)
    return experiment.id


def _comments(exported: Exported, key: int, run_ids: list[int]) -> _Rows:
    """A view of the experiment is one of it here; one of others is not here."""
    rows = []
    for comment in exported.comments:
        view = _ITS_VIEW.fullmatch(comment.view or "")
        rows.append(
            {
                **comment.model_dump(exclude={"run"}),
                "experiment_id": key,
                "run_id": None if comment.run is None else run_ids[comment.run],
                "view": None if view is None else f"/experiments/{key}{view[1] or ''}",
                "mentions": {},
            }
        )
    return rows


def _run_batches(runs: list[ExportedRun]) -> list[list[ExportedRun]]:
    """The runs in steps; the first, which there always is, comes with the experiment."""
    batches: list[list[ExportedRun]] = [[]]
    size = 0
    for run in runs:
        if batches[-1] and (len(batches[-1]) == _RUNS or size + run.size > _BYTES):
            batches.append([])
            size = 0
        batches[-1].append(run)
        size += run.size
    return batches


def _add_runs(session: Session, key: int, runs: Sequence[ExportedRun]) -> list[int]:
    if not runs:
        return []
    hidden = {"experiment_id": key, "lane": _process(), "heartbeat_at": now()}
    rows = [
        {
            **run.columns,
            **hidden,
            "status": IMPORTING,
            "phase": run.columns["status"],
            "device": Run.device_of(run.columns["environment"]),
        }
        for run in runs
    ]
    ids = session.scalars(insert(Run).returning(Run.id, sort_by_parameter_order=True), rows)
    return [int(one) for one in ids]


def _batches(runs: list[ExportedRun], ids: list[int]) -> Iterator[tuple[type[Base], _Rows]]:
    """All rows of results, table by table in steps. What was given out is not kept here."""
    tables = list(dict.fromkeys(kind for run in runs for kind in run.results))
    for kind in tables:
        rows = (
            {"run_id": run_id, **row}
            for run, run_id in zip(runs, ids, strict=True)
            for row in run.results.get(kind, ())
        )
        while first := next(rows, None):
            batch, size = [first], _size(first)
            for row in islice(rows, _ROWS - 1):
                batch.append(row)
                size += _size(row)
                if size > _BYTES:
                    break
            yield kind.table, batch


def _size(row: dict[str, Any]) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, bytes))


def _show(session: Session, key: int) -> None:
    """Let everybody see it: the rows of all its runs are written again, and nothing else."""
    values = {"status": Run.phase, "phase": None, "lane": None, "heartbeat_at": None}
    mine = update(Run).where(Run.experiment_id == key, Run.status == IMPORTING)
    session.execute(mine.values(values).execution_options(synchronize_session=False))
    there = update(RunSize).where(RunSize.experiment_id == key).values(due=True)
    session.execute(there, execution_options={TOUCHES: NO_EXPERIMENT})


def _process() -> str:
    return f"{os.getpid()}@{socket.gethostname()}"[:40]


def sweep(database: Database, *, starting: bool = False) -> int:
    """Take away what imports have left that were killed; how many. A process that is ``starting``
    imports nothing yet."""
    with database.read() as session:
        left = [
            int(key)
            for key, lane, last in session.execute(
                select(Run.experiment_id, func.max(Run.lane), func.max(Run.heartbeat_at))
                .where(Run.status == IMPORTING)
                .group_by(Run.experiment_id)
            )
            if _is_left(lane, last is None or last < now() - SILENCE, starting)
        ]
    for key in left:
        _discard(database, key)
    return len(left)


def _is_left(lane: str | None, silent: bool, starting: bool) -> bool:
    pid, _, host = (lane or "").partition("@")
    if lane == _process():
        return silent or starting
    here = _process().partition("@")[2]
    if pid.isdigit() and host == here[: 40 - len(pid) - 1]:
        return silent or not psutil.pid_exists(int(pid))
    return silent


def _discard(database: Database, key: int) -> None:
    """Take all of it away, in steps: the experiment goes last, as it is unseen by its runs."""
    while True:
        with _step(database) as session:
            mine = select(Run.id).where(Run.experiment_id == key, Run.status == IMPORTING)
            ids = list(session.scalars(mine.limit(_RUNS_AWAY)))
            if len(ids) < _RUNS_AWAY:
                seen = exists(
                    select(Run.id).where(Run.experiment_id == key, Run.status != IMPORTING)
                )
                session.execute(delete(Experiment).where(Experiment.id == key, ~seen))
                return
            session.execute(delete(Run).where(Run.id.in_(ids)))
