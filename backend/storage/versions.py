"""Numbers of the last change: of each experiment, and of everything that is stored.

An answer that was computed while a number stood is right for as long as it stands. On SQLite the
numbers are exact, whoever writes. This process writes on one connection alone, so what its session
touches is known; and ``PRAGMA data_version`` of that connection is another as soon as any other
connection has committed, such as that of the command line: then every number is a new one.

On PostgreSQL, where other servers write too, there is one number: two snapshots that read the same
show the same transactions.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, Result, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import (
    InstanceState,
    ORMExecuteState,
    Session,
    SessionTransaction,
    UOWTransaction,
)

from backend.storage.tables import (
    AccessToken,
    Attempt,
    AuditRow,
    BinnedExperiment,
    Change,
    Comment,
    Deletion,
    Experiment,
    Invitation,
    LaneRow,
    LaneTime,
    Note,
    Notice,
    NoticeChannel,
    NoticeChoice,
    NoticeToSend,
    Person,
    Run,
    RunSize,
    SavedView,
    ShareLink,
    SignIn,
    Tag,
)

# What an answer depends on: the numbers of these experiments; None: all that is stored.
Topics = Collection[int] | None

# An execution option: the statement changes rows of this experiment alone, or of none.
TOUCHES = "touches_experiment"
NO_EXPERIMENT = 0
# While a write is committed nobody knows its numbers. That is over soon, and waited for so long;
# how often it is looked whether the next one has begun.
COMMIT_S, LOOK_S = 0.04, 0.005
_READS = ("SELECT", "PRAGMA", "BEGIN")
_KEY = "touched"


class _Touched:
    """What one transaction has changed so far."""

    def __init__(self) -> None:
        self.experiments: set[int] = set()
        self.all = self.some = False
        # While SQLAlchemy writes what is known from its objects or its options.
        self.known = 0


class Versions:
    """Of the database that ``engine`` writes to, by one transaction at a time."""

    def __init__(self, engine: Engine, writing: threading.RLock) -> None:
        """``writing`` is held by whoever writes."""
        self._engine = engine
        self._writing = writing
        self._lock = threading.Lock()
        self._all = self._any = 0
        self._experiments: dict[int, int] = {}
        self._connection: sqlite3.Connection | None = None
        self._outside: int | None = None
        # Between BEGIN IMMEDIATE and COMMIT nobody else can commit.
        self._alone = False
        self._touched: _Touched | None = None
        # SQLite in a file; one in memory is a test's.
        self._exact = engine.dialect.name == "sqlite" and bool(engine.url.database)
        if self._exact:
            event.listen(engine, "before_cursor_execute", self._notice_statement)

    @property
    def known(self) -> bool:
        """Whether there are numbers at all, apart from moments."""
        return self._exact or self._engine.dialect.name == "postgresql"

    def of(self, topics: Topics) -> tuple[object, ...] | None:
        """The numbers now, to be compared with those of another time; None: not known now.

        It may wait for a disk or a lock: on an event loop ask :class:`Looks`.
        """
        seen = self.look()
        return None if seen is None else self.numbers(topics, seen)

    def look(self) -> str | None:
        """Take note of what others have committed, and say what :meth:`numbers` needs to know of
        it; None: not known now."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection:
                return str(connection.scalar(text("SELECT pg_current_snapshot()::text")))
        if not self._exact:
            return None
        until = time.monotonic() + COMMIT_S
        while not self._alone:
            if self._writing.acquire(timeout=LOOK_S):
                try:
                    return "" if self._look_outside() else None
                finally:
                    self._writing.release()
            if time.monotonic() > until:
                return None
        return ""

    def numbers(self, topics: Topics, seen: str) -> tuple[object, ...]:
        """The numbers after a look, without waiting for anything."""
        if not self._exact:
            return (seen,)
        with self._lock:
            if topics is None:
                return (self._any,)
            return (self._all, *(self._experiments.get(key, 0) for key in sorted(topics)))

    def _look_outside(self) -> bool:
        """Take note of what others committed; False where the file does not answer."""
        with suppress(sqlite3.Error, DBAPIError):
            if self._connection is None:
                with self._engine.connect() as connection:
                    self._connection = _raw(connection)
            (number,) = self._connection.execute("PRAGMA data_version").fetchone()
            if number != self._outside:
                self._outside = number
                self._bump(None)
            return True
        return False

    @contextmanager
    def writes(self, session: Session) -> Iterator[None]:
        """Around the work of a session that writes, up to and with its commit."""
        if not self._exact:
            yield
            session.commit()
            return
        touched = self._touched = _Touched()
        session.info[_KEY] = touched
        committing = False
        try:
            self._begin(session.connection())
            yield
            session.flush()
            self._alone = False
            committing = True
            session.commit()
        except BaseException:
            # What a commit that failed left of it is not known; before it, nothing.
            touched.all = touched.some = committing
            raise
        finally:
            self._alone = False
            self._touched = None
            if touched.all:
                self._bump(None)
            elif touched.some:
                self._bump(touched.experiments)

    def _begin(self, connection: Connection) -> None:
        """The transaction holds SQLite's write lock from here on."""
        raw = _raw(connection)
        if raw is not self._connection:  # the first one, or one that was opened again
            self._connection, self._outside = raw, None
        self._look_outside()
        self._alone = True

    def _bump(self, experiments: Collection[int] | None) -> None:
        with self._lock:
            self._any += 1
            if experiments is None:
                self._all += 1
                self._experiments.clear()
            for key in experiments or ():
                self._experiments[key] = self._any

    def _notice_statement(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        """A statement that nothing is known of may have changed anything."""
        touched = self._touched
        if touched is not None and not statement.lstrip().upper().startswith(_READS):
            touched.some = True
            touched.all |= not touched.known


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


@event.listens_for(Session, "do_orm_execute")
def _execute(state: ORMExecuteState) -> Result[Any] | None:
    touched: _Touched | None = state.session.info.get(_KEY)
    key: int | None = state.execution_options.get(TOUCHES)
    if touched is None or key is None:
        return None
    touched.experiments |= {key} - {NO_EXPERIMENT}
    touched.known += 1
    try:
        return state.invoke_statement()
    finally:
        touched.known -= 1


@event.listens_for(Session, "after_soft_rollback")
def _roll_back(session: Session, transaction: SessionTransaction) -> None:
    touched: _Touched | None = session.info.get(_KEY)
    if touched is not None:
        touched.all, touched.known = True, 0


@event.listens_for(Session, "before_flush")
def _begin_flush(session: Session, context: UOWTransaction, instances: Any) -> None:
    touched: _Touched | None = session.info.get(_KEY)
    if touched is not None:
        touched.known += 1


@event.listens_for(Session, "after_flush")
def _end_flush(session: Session, context: UOWTransaction) -> None:
    touched: _Touched | None = session.info.get(_KEY)
    if touched is None:
        return
    touched.known -= 1
    for row in (*session.new, *session.dirty, *session.deleted):
        keys = _experiments(session, row)
        if keys is None:
            touched.all = True
        else:
            touched.experiments |= keys


def _experiments(session: Session, row: object) -> set[int] | None:
    """The experiments whose answers a row is part of; None: any."""
    match row:
        case Change() | SavedView() | LaneRow() | ShareLink():
            return set()
        case Notice() | NoticeChoice() | NoticeChannel() | NoticeToSend():
            return set()
        case LaneTime() | RunSize():
            return set()
        case Person() | SignIn() | AccessToken() | Invitation() | Attempt() | AuditRow():
            return set()  # an experiment says the name of its owner itself
        case Experiment():
            return {row.id}
        case Deletion() | BinnedExperiment():
            return {row.experiment_id}
        case Run() | Tag() | Note() | Comment():
            state: InstanceState[Any] = inspect(row)
            history = state.attrs.experiment_id.history
            return {row.experiment_id, *(history.deleted or ())} - {None}
    run_id = getattr(row, "run_id", None)
    known = session.identity_map.get(session.identity_key(Run, run_id)) if run_id else None
    return None if known is None else {known.experiment_id}
