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


def counts(database: sqlite3.Connection) -> tuple[int, int]:
    """How many experiments and runs there really are."""
    experiments, runs = (
        int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in ("experiments", "runs")
    )
    return experiments, runs


def count_accounts(database: sqlite3.Connection) -> int:
    """How many people can sign in; a schema from before there were any has none."""
    known = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'people'"
    if not database.execute(known).fetchone()[0]:
        return 0
    query = "SELECT count(*) FROM people WHERE source != 'named'"
    return int(database.execute(query).fetchone()[0])
