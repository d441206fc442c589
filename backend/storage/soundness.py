"""Whether a database from elsewhere is one of ours: whole, of a known schema, every row readable.

Integrity is more than SQLite's own: a row can be well stored and still be none that this program
writes, and a page that meets it would fail for ever.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, LargeBinary, String, Table, Text, select
from sqlalchemy.exc import SQLAlchemyError

from backend.storage.column_types import UtcDateTime
from backend.storage.database import Database, NewerSchemaError
from backend.storage.database_file import url_of
from backend.storage.manifests import BackupError, counts
from backend.storage.tables import IMPORTING, STATUSES, Base, Run

# Columns of JSON that hold lists of texts; the others hold objects.
_TEXTS = frozenset(("kinds", "notes"))
# What SQLite may have stored in a column of a type; everything else than these is a number.
_STORED = (((UtcDateTime, String, Text, JSON), ("text",)), ((LargeBinary,), ("blob",)))
_NUMBERS = ("integer", "real")
_ROWS_AT_ONCE = 500


def check(file: Path) -> tuple[int, int]:
    """Check a database, bring its schema up to this release, and count experiments and runs.

    Raises BackupError for what is wrong with it, NewerSchemaError where a newer release wrote it.
    """
    try:
        with closing(sqlite3.connect(file)) as database:
            found = _check_file(database)
        ours = Database(url_of(file), json.loads)
        try:
            ours.migrate()
            _check_schema(ours)
            for table in Base.metadata.sorted_tables:
                _check_rows(ours, table)
        finally:
            ours.close()
        with closing(sqlite3.connect(file)) as database:
            # All of it into the one file that is moved.
            database.execute("PRAGMA journal_mode=DELETE")
    except (BackupError, NewerSchemaError):
        raise
    except (sqlite3.Error, SQLAlchemyError, ValueError, LookupError, RuntimeError) as error:
        reason = getattr(error, "orig", None) or error
        raise BackupError(f"the database in the backup is damaged: {reason}") from error
    return found


def _check_file(database: sqlite3.Connection) -> tuple[int, int]:
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")
    (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise BackupError(f"the database in the backup is damaged: {verdict}")
    broken = database.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise BackupError(f"the database in the backup refers to nothing: {broken}")
    for kind, name, sql in database.execute("SELECT type, name, sql FROM sqlite_master"):
        # None of ours has them; they would do something by themselves.
        virtual = str(sql).upper().startswith("CREATE VIRTUAL")
        if kind not in ("table", "index") or virtual:
            raise BackupError(f"the database in the backup has a {kind} {name!r:.100}")
    try:
        versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
        if len(versions) != 1:
            raise BackupError("the database in the backup is empty")
        return counts(database)
    except sqlite3.OperationalError as error:
        raise BackupError(f"the database in the backup is none of this program: {error}") from error


def _check_schema(database: Database) -> None:
    """It must be what the migrations make of nothing."""
    expected, found = _made_by_migrations(), _schema(database)
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise BackupError(f"the database in the backup has another schema: {name!r:.100}")


@cache
def _made_by_migrations() -> dict[str, Any]:
    fresh = Database("sqlite://")  # its only connection is this thread's
    try:
        fresh.migrate()
        return _schema(fresh)
    finally:
        fresh.close()


def _schema(database: Database) -> dict[str, Any]:
    """Columns, references and indices by table."""
    with database.engine.connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).scalars()
        schema = {}
        for name in names.all():
            parts = []
            for pragma in ("table_xinfo", "foreign_key_list", "index_list"):
                rows = connection.exec_driver_sql(
                    f"SELECT * FROM pragma_{pragma}(?)",  # noqa: S608
                    (name,),
                ).all()
                parts.append(sorted(repr(tuple(row)[1:]) for row in rows))
            schema[str(name)] = parts
        return schema


def _check_rows(database: Database, table: Table) -> None:
    """Every row can be read as what the program reads it as."""
    with database.engine.connect() as connection:
        for column in table.columns:
            allowed = next(
                (kinds for types, kinds in _STORED if isinstance(column.type, types)), _NUMBERS
            )
            kinds = ", ".join(f"'{kind}'" for kind in (*allowed, "null"))
            wrong = connection.exec_driver_sql(
                f'SELECT typeof("{column.name}") FROM "{table.name}" '  # noqa: S608
                f'WHERE typeof("{column.name}") NOT IN ({kinds}) LIMIT 1'
            ).scalar()
            if wrong:
                raise BackupError(f"{table.name}.{column.name} has a {wrong} in it")
        key = [column.name for column in table.primary_key]
        rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
        last: Any = None
        try:
            for row in rows.mappings():
                last = [row[name] for name in key]
                _check_row(table, row)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            where = f"a row after {last}" if last else "the first row"
            raise BackupError(f"{where} of {table.name} cannot be read: {error}") from error


def _check_row(table: Table, row: Any) -> None:
    for column in table.columns:
        value = row[column.name]
        if value is None and not column.nullable:
            raise ValueError(f"{column.name} is missing")
        if isinstance(column.type, JSON) and value is not None:
            # A number without end, or half a character, is no JSON that can be answered with.
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
            texts = column.name in _TEXTS
            if not isinstance(value, list if texts else dict):
                raise ValueError(f"{column.name} is a {type(value).__name__}")
            if texts and not all(isinstance(text, str) for text in value):
                raise ValueError(f"{column.name} has what is no text")
    if table is Run.__table__ and row["status"] not in (*STATUSES, IMPORTING):
        raise ValueError(f"status is {row['status']!r:.50}; allowed: {', '.join(STATUSES)}")
