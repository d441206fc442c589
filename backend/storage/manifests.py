"""What a backup says of itself, and what is said of one that cannot be."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

DATABASE, MANIFEST = "loraone.db", "manifest.json"
FOLDERS = ("artifacts", "logs")
# 2: the manifest has size and SHA-256 of every file.
FORMAT = 2


class BackupError(Exception):
    """It cannot be done, and why."""


@dataclass(frozen=True)
class Member:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    taken_at: str
    experiments: int
    runs: int
    members: dict[str, Member] = field(default_factory=dict)
    # What rows name and is no plain file in its place; a link, say. It is not in the backup.
    left_out: int = 0
    # People who can sign in. Hashes of what they come with are in the database, and nothing that
    # they come with.
    accounts: int = 0
    # Addresses that people have their notices sent to, encrypted with a key that is not in it.
    channels: int = 0


def counts(database: sqlite3.Connection) -> tuple[int, int]:
    """How many experiments and runs there really are."""
    experiments, runs = (
        int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in ("experiments", "runs")
    )
    return experiments, runs


def count_accounts(database: sqlite3.Connection) -> int:
    """How many people can sign in; a schema from before there were any has none."""
    return _count(database, "people", "source != 'named'")


def count_channels(database: sqlite3.Connection) -> int:
    """How many addresses notices are sent to; an earlier schema has none."""
    return _count(database, "notice_channels", "1")


def _count(database: sqlite3.Connection, table: str, which: str) -> int:
    known = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    if not database.execute(known, [table]).fetchone()[0]:
        return 0
    query = f"SELECT count(*) FROM {table} WHERE {which}"  # noqa: S608
    return int(database.execute(query).fetchone()[0])
