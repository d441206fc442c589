"""The database connection: SQLite in WAL mode with one writer, migrations, sessions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from backend.storage import damage
from backend.storage.database_file import DatabaseFileError, Identity, database_file, make_private
from backend.storage.looks import Looks
from backend.storage.versions import Versions

# The advisory lock of writers, beside that of :mod:`backend.scheduling.leadership`.
WRITERS = 0x6C6F72616F6E66
# What PostgreSQL calls a full disk.
DISK_FULL = "53100"

MIGRATIONS = Path(__file__).parent / "migrations"
_SCRIPTS = ScriptDirectory(str(MIGRATIONS))


class NewerSchemaError(RuntimeError):
    """The database was written by a newer release than this one."""


class Database:
    """Sessions for reading, and one at a time for writing."""

    def __init__(
        self, url: str, loads: Callable[[str], Any] = damage.loads, *, reading: bool = False
    ) -> None:
        """``loads`` reads what is stored as JSON; the usual one passes over what nobody could
        show. With ``reading`` nothing can be written, as another process does that.
        """
        self.url = url
        self.engine = _engine(url, loads, reading=reading)
        self._writing = threading.RLock()
        self._writer = (None if reading else _writer(url, loads)) or self.engine
        self.versions = Versions(self._writer, self._writing)
        self.looks = Looks(self.check_file, self.versions)
        # Of SQLite's file, from the first migration on.
        self._identity: Identity | None = None
        if reading and (file := database_file(url)) is not None:
            self._identity = Identity.of(file)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that is rolled back at the end."""
        self.check_file()
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed at the end. Writers take turns, on all servers: SQLite has
        only one, and followers of changes rely on ids that appear in their order."""
        self.check_file()
        with (
            self._writing,
            Session(self._writer, expire_on_commit=False) as session,
            self.versions.writes(session),
        ):
            if self.shared:
                session.execute(select(func.pg_advisory_xact_lock(WRITERS)))
            yield session

    def rewrite(self) -> None:
        """Write SQLite's file anew without its free pages; nobody else writes meanwhile. Raises
        sqlite3.OperationalError where another process holds it."""
        self.check_file()
        with self._writing, closing(self._writer.raw_connection()) as pooled:
            raw = pooled.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def check_file(self, *, writable: bool = False) -> None:
        """Raise OperationalError where the file is gone or is another one by now: SQLite would go
        on in the old one, and nobody would find again what it writes."""
        if self._identity is None:
            return
        try:
            self._identity.check()
            if writable:
                self._identity.check_writable()
        except DatabaseFileError as error:
            raise OperationalError(None, None, error) from error

    @property
    def shared(self) -> bool:
        """Whether several servers may use the database at a time."""
        return self.engine.dialect.name == "postgresql"

    @staticmethod
    def is_passing(error: DBAPIError) -> bool:
        """Whether what cannot be written now may be written later: a full disk, a lock, a
        database that starts again; not what a statement itself has wrong."""
        return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated

    @staticmethod
    def is_full(error: DBAPIError) -> bool:
        """Whether the disk has no room for what was to be written."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == DISK_FULL

    @staticmethod
    def is_damage(error: DBAPIError) -> bool:
        """Whether SQLite found its file to be broken, or none at all."""
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

    def is_current(self) -> bool:
        """Whether the schema is this release's. Raises NewerSchemaError as :meth:`migrate` does."""
        with self.engine.connect() as connection:
            return self._revision(connection) == _SCRIPTS.get_current_head()

    @staticmethod
    def _revision(connection: Connection) -> str | None:
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in _SCRIPTS.walk_revisions()}
        if current is not None and current not in known:
            raise NewerSchemaError(
                f"the database has schema {current}, which this release does not know; "
                f"it knows {', '.join(sorted(known))}: install the release that wrote it"
            )
        return current

    def migrate(self) -> None:
        """Bring the schema up to this release.

        Raises NewerSchemaError for a database that a newer release wrote.
        """
        file = database_file(self.url)
        if file is not None and self._identity is None:
            make_private(file)
        if not self.is_current():
            self._upgrade()
        if file is not None:
            self._identity = Identity.of(file)

    def _upgrade(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._without_cascades() as connection:
            if self.shared:  # servers that start together take turns
                connection.execute(select(func.pg_advisory_xact_lock(WRITERS)))
            self._revision(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _without_cascades(self) -> Iterator[Connection]:
        """A transaction in which a table that is copied and dropped takes no rows of others along.

        SQLite cannot alter everything in place; with foreign keys on, dropping the old copy of a
        table deletes what refers to it. They are checked at the end instead.
        """
        lite = self.engine.dialect.name == "sqlite"
        with self.engine.connect() as connection:
            if lite:
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
                connection.commit()
            try:
                with connection.begin():
                    yield connection
                    broken = lite and connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    if broken:
                        raise RuntimeError(f"the migration broke references: {broken[:3]}")
            finally:
                if lite:
                    connection.exec_driver_sql("PRAGMA foreign_keys=ON")
                    connection.commit()

    def close(self) -> None:
        """Give all connections back."""
        self.looks.stop()
        self.engine.dispose()
        self._writer.dispose()


def _engine(url: str, loads: Callable[[str], Any], *, reading: bool = False, **pool: int) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=not url.startswith("sqlite"),
        json_deserializer=loads,
        hide_parameters=True,  # in errors, which are logged
        **pool,
    )
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA busy_timeout=15000")
            if reading:
                cursor.execute("PRAGMA query_only=ON")
            cursor.close()

    elif reading:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _writer(url: str, loads: Callable[[str], Any]) -> Engine | None:
    """SQLite's one connection that writes: what it keeps in memory stays right, as nobody else
    writes, and it sees when somebody did. Its transactions hold the write lock from their start,
    so that what they read is still so when they write."""
    if not url.startswith("sqlite") or make_url(url).database in (None, "", ":memory:"):
        return None
    engine = _engine(url, loads, pool_size=1, max_overflow=0)

    @event.listens_for(engine, "connect")
    def _by_hand(connection: Any, record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
