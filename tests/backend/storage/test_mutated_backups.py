"""Backups changed at random: refused with a reason, or restored so that every page of them answers.

``LORAONE_FUZZ_BACKUPS`` says how many there are, ``LORAONE_FUZZ_SEED`` which.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.storage.backups import BackupError, restore
from backend.storage.database import NewerSchemaError
from backend.web.app import create_app
from tests.backend.storage.archived import Parts, fresh, listed, packed, parts_of, with_database

pytestmark = pytest.mark.sqlite
ARCHIVE = Path(__file__).parents[2] / "archive" / "schema-0004" / "backup.tar"
COUNT = int(os.environ.get("LORAONE_FUZZ_BACKUPS", "80"))
SEED = int(os.environ.get("LORAONE_FUZZ_SEED", "14"))

PAGES = (
    "/api/health",
    "/api/queue",
    "/api/server",
    "/api/experiments?q=is:any",
    *(f"/api/experiments/{key}" for key in range(1, 7)),
    *(f"/api/runs/{key}" for key in (1, 2, 5)),
    *(f"/api/runs/{key}/log" for key in (1, 2)),
    "/api/runs/1/adapter.zip",
    "/api/runs/2/adapter.zip",
)


def flipped(data: bytes, draw: random.Random) -> bytes:
    """Up to eight bytes are others."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def moved(data: bytes, draw: random.Random) -> bytes:
    """A block is somewhere else, twice there, zero, or gone with what follows."""
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    one, other = draw.randrange(len(blocks)), draw.randrange(len(blocks))
    what = draw.choice(("move", "copy", "zero", "cut"))
    if what == "move":
        blocks.insert(other, blocks.pop(one))
    elif what == "copy":
        blocks[other] = blocks[one]
    elif what == "zero":
        blocks[one] = bytes(512)
    else:
        del blocks[one:]
    return b"".join(blocks)


ODD = (None, True, -1, 2**70, 1.5, "", "x" * 300, "\0", "../x", [], {}, {"a": 1}, float("inf"))


def said(parts: Parts, draw: random.Random) -> Parts:
    """The manifest says something odd."""
    manifest = json.loads(listed(parts)["manifest.json"])
    holder = draw.choice([manifest, manifest, *manifest["members"].values()])
    holder[draw.choice([*holder])] = draw.choice(ODD)
    return {**parts, "manifest.json": json.dumps(manifest).encode()}


def damaged(parts: Parts, draw: random.Random) -> Parts:
    """The database has other bytes, and the manifest agrees with them."""
    return listed({**parts, "loraone.db": flipped(parts["loraone.db"], draw)})


def rewritten(parts: Parts, draw: random.Random, folder: Path) -> Parts:
    """A cell of the database has something odd, and the manifest agrees with it."""

    def change(database: sqlite3.Connection) -> None:
        tables = ["experiments", "runs", "metrics", "spectra", "artifacts", "notes", "alignments"]
        table = draw.choice(tables)
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        value: Any = draw.choice((None, -1, 2**63 - 1, 0.5, "", "\0", "{", "[]", "../..", b"\xff"))
        cell = draw.choice(columns)
        try:
            database.execute(f'UPDATE {table} SET "{cell}" = ?', (value,))
        except sqlite3.IntegrityError:
            database.execute("DELETE FROM runs")

    return with_database(parts, change, folder)


def mutated(parts: Parts, draw: random.Random, folder: Path) -> bytes:
    file = folder / "all.tar"
    whole = packed(listed(parts), file).read_bytes()
    kinds: list[Callable[[], bytes]] = [
        lambda: flipped(whole, draw),
        lambda: moved(whole, draw),
        lambda: packed(said(parts, draw), file).read_bytes(),
        lambda: packed(damaged(parts, draw), file).read_bytes(),
        lambda: packed(rewritten(parts, draw, folder), file).read_bytes(),
    ]
    return draw.choice(kinds)()


def test_a_mutated_backup_is_refused_with_a_reason_or_every_page_of_it_answers(
    tmp_path: Path,
) -> None:
    parts = parts_of(ARCHIVE)
    taken, failed = 0, []
    for number in range(SEED * 10_000, SEED * 10_000 + COUNT):
        draw = random.Random(number)
        folder = tmp_path / str(number)
        folder.mkdir()
        content = mutated(parts, draw, folder)
        (folder / "all.tar").write_bytes(content)
        settings = fresh(folder / "home")
        try:
            restored = restore(settings, folder / "all.tar")
        except (BackupError, NewerSchemaError) as error:
            assert len(str(error)) > 20, number
            assert {path.name for path in settings.home.iterdir()} <= {"server.lock"}, number
            continue
        taken += 1
        client = TestClient(
            create_app(settings), base_url="http://127.0.0.1:8111", raise_server_exceptions=False
        )
        with client.app.state.database.read() as session:  # type: ignore[attr-defined]
            counts = [
                session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                for table in ("experiments", "runs")
            ]
        assert counts == [restored.experiments, restored.runs], number
        for page in PAGES:
            answer = client.get(page)
            if answer.status_code not in (200, 404, 409):
                failed.append((number, page, answer.text[:300]))
    print(f"seed {SEED}: {taken} of {COUNT} mutated backups were restored")
    assert failed == []
    assert 0 < taken < COUNT
