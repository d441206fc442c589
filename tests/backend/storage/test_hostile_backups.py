"""A backup from somebody else is restored if it is one, and else changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.storage.backups import BackupError, restore, write
from tests.backend.storage.archived import (
    Parts,
    a_backup,
    filled,
    fresh,
    listed,
    packed,
    parts_of,
    with_database,
)

pytestmark = pytest.mark.sqlite
ARCHIVE = Path(__file__).parents[2] / "archive"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return a_backup(tmp_path_factory.mktemp("sound"))


def refused(file: Path, tmp_path: Path) -> str:
    """What is said of a backup that is not restored; nothing of it must be left."""
    home = tmp_path / "new"
    with pytest.raises(BackupError) as caught:
        restore(fresh(home), file)
    assert {path.name for path in home.iterdir()} <= {"server.lock"}, list(home.rglob("*"))
    return str(caught.value)


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> Any:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


EXTRA = {
    "a symbolic link": info("artifacts/1/x", tarfile.SYMTYPE, "/etc/passwd"),
    "a link to a folder": info("logs", tarfile.SYMTYPE, "/tmp"),
    "a hard link": info("artifacts/1/x", tarfile.LNKTYPE, "loraone.db"),
    "a device": info("artifacts/1/x", tarfile.CHRTYPE),
    "a disk": info("artifacts/1/x", tarfile.BLKTYPE),
    "a pipe": info("artifacts/1/x", tarfile.FIFOTYPE),
    "a sparse file": info("artifacts/1/x", tarfile.GNUTYPE_SPARSE),
    "an unknown kind": info("artifacts/1/x", b"Z"),
    "a path out": info("artifacts/1/../../../outside"),
    "a name of its own": info("outside"),
    "a setting": info("artifacts/../server.lock"),
    "an absolute path": info("/tmp/outside"),
    "a double slash": info("artifacts/1//x"),
    "a dot": info("artifacts/./1/x"),
    "a run that is none": info("artifacts/one/x"),
    "a letter that is none": info("artifacts/1/\udcff"),
    "a line break": info("artifacts/1/a\nb"),
    "a long name": info("artifacts/1/" + "x" * 300),
    "a deep folder": info("artifacts/1" + "/x" * 40),
    "a second database": info("loraone.db"),
    "a second manifest": info("manifest.json"),
    "a file in a file": info("artifacts/1/1/adapter/adapter_model.safetensors/x"),
    "a folder for a database": info("loraone.db", tarfile.DIRTYPE),
    "what no manifest has": info("artifacts/1/x"),
}


@pytest.mark.parametrize("what", EXTRA)
def test_a_member_that_no_backup_has_is_refused(sound: Parts, tmp_path: Path, what: str) -> None:
    for form in (1, 2):
        if what == "what no manifest has" and form == 1:
            continue  # that had no list
        changed = listed(sound, format=form)
        said = refused(packed(changed, tmp_path / "all.tar", (EXTRA[what], b"")), tmp_path)
        assert "all.tar" in said
        assert not (tmp_path / "outside").exists()


def test_three_links_that_would_write_a_gigabyte_write_nothing(
    sound: Parts, tmp_path: Path
) -> None:
    links = [(info(f"artifacts/{i}/x", tarfile.LNKTYPE, "/dev/zero"), b"") for i in (1, 2, 3)]
    assert "links are not taken" in refused(packed(sound, tmp_path / "all.tar", *links), tmp_path)


CHANGED: dict[str, tuple[Callable[[Parts], Parts], str]] = {
    "ten runs that are not there": (
        lambda parts: listed(parts, runs=10),
        "its manifest says 1 experiments and 10 runs, its database has 1 and 2",
    ),
    "an empty database": (lambda parts: listed({**parts, "loraone.db": b""}), "is empty|none of"),
    "no database": (lambda parts: {"manifest.json": parts["manifest.json"]}, "no database"),
    "no manifest": (lambda parts: {"loraone.db": parts["loraone.db"]}, "no manifest"),
    "other content": (
        lambda parts: {**parts, "logs/1/1.log": b"PRINTED"},
        "logs/1/1.log is not what was backed up: its checksum differs",
    ),
    "another size": (lambda parts: {**parts, "logs/1/1.log": b"more"}, "has 4 bytes, and 7"),
    "one file less": (
        lambda parts: {name: part for name, part in parts.items() if "log" not in name},
        "has no bytes, and 7",
    ),
    "a manifest that is a list": (lambda parts: {**parts, "manifest.json": b"[]"}, "format None"),
    "a manifest that is no JSON": (lambda parts: {**parts, "manifest.json": b"{"}, "damaged"),
    "a deep manifest": (lambda parts: {**parts, "manifest.json": b"[" * 10**5}, "damaged"),
    "text for a number": (lambda parts: listed(parts, runs="2"), "runs.*integer"),
    "a newer format": (lambda parts: listed(parts, format=3), "format 3; this release reads 1 to"),
    "no format": (lambda parts: listed(parts, format=None), "format None"),
    "a text": (lambda parts: listed({**parts, "loraone.db": b"x" * 5000}), "not a database"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_manifest_is_not_believed(sound: Parts, tmp_path: Path, what: str) -> None:
    change, said = CHANGED[what]
    assert re.search(said, refused(packed(change(sound), tmp_path / "all.tar"), tmp_path))


STATEMENTS = {
    "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END": "has a trigger",
    "CREATE VIEW v AS SELECT 1": "has a view",
    "CREATE VIRTUAL TABLE f USING fts5(a)": "has a table 'f'",
    "CREATE TABLE more (a)": "another schema: 'more'",
    "ALTER TABLE runs ADD COLUMN more TEXT": "another schema: 'runs'",
    "DROP INDEX ix_runs_queue": "another schema: 'runs'",
    "DELETE FROM alembic_version": "is empty",
    "DROP TABLE alembic_version": "none of this program",
    "UPDATE runs SET status = 'done'": "status is 'done'",
    "UPDATE runs SET seed = 'many'": "runs.seed has a text",
    "UPDATE runs SET spec = '{'": "cannot be read",
    "UPDATE runs SET spec = '[]'": "spec is a list",
    "UPDATE runs SET spec = '{\"a\": NaN}'": "cannot be read",
    "UPDATE runs SET notes = '[1]'": "notes has what is no text",
    "UPDATE runs SET queued_at = 'soon'": "cannot be read",
    "UPDATE runs SET label = CAST(x'ff' AS TEXT)": "damaged|cannot be read",
    "UPDATE runs SET label = x'ff'": "runs.label has a blob",
    "UPDATE artifacts SET run_id = 77": "refers to nothing",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_database_that_no_server_of_ours_wrote_is_refused(
    sound: Parts, tmp_path: Path, statement: str
) -> None:
    def change(database: sqlite3.Connection) -> None:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute(statement)

    parts = with_database(sound, change, tmp_path)
    said = refused(packed(parts, tmp_path / "all.tar"), tmp_path)
    assert re.search(STATEMENTS[statement], said), said


def test_what_is_no_archive_is_refused_at_once(sound: Parts, tmp_path: Path) -> None:
    whole = packed(sound, tmp_path / "all.tar").read_bytes()
    last = whole.rstrip(b"\0")
    ends = len(last) + -len(last) % 512
    bomb = info("x", tarfile.XHDTYPE, size=50_000_000)
    header = bomb.tobuf(tarfile.GNU_FORMAT)
    other = tmp_path / "other.tar"
    for content in (b"", b"x" * 3000, gzip.compress(whole), whole[:ends], header + bytes(10**8)):
        other.write_bytes(content)
        assert "other.tar" in refused(other, tmp_path)
    os.mkfifo(tmp_path / "pipe.tar")
    for path in (tmp_path / "pipe.tar", tmp_path, tmp_path / "nothing.tar", Path("/dev/zero")):
        refused(path, tmp_path)


def test_a_size_that_is_longer_than_the_file_is_refused_before_anything_is_written(
    sound: Parts, tmp_path: Path
) -> None:
    file = packed(sound, tmp_path / "all.tar")
    with file.open("ab") as out:
        out.truncate(len(file.read_bytes().rstrip(b"\0")) // 512 * 512 + 512)
        out.write(info("artifacts/1/x", size=10**12).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert "cut off in 'artifacts/1/x'" in refused(file, tmp_path)


@pytest.mark.parametrize("schema", ["schema-0001", "schema-0002", "schema-0003", "schema-0004"])
def test_a_backup_without_checksums_is_restored_from_every_schema(
    tmp_path: Path, schema: str
) -> None:
    content = (ARCHIVE / schema / "loraone.db").read_bytes()
    with sqlite3.connect(ARCHIVE / schema / "loraone.db") as database:
        counts = [
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("experiments", "runs")
        ]
    said = {"format": 1, "version": "0.1.0", "taken_at": "2026-01-01T00:00:00+00:00"}
    body = {**said, "experiments": counts[0], "runs": counts[1]}
    parts = {"manifest.json": json.dumps(body).encode(), "loraone.db": content}
    restored = restore(fresh(tmp_path / "new"), packed(parts, tmp_path / "all.tar"))
    assert [restored.experiments, restored.runs] == counts
    assert restored.format == 1


def test_what_rows_name_elsewhere_is_not_packed_and_counted(tmp_path: Path) -> None:
    settings = filled(tmp_path / "old")
    (tmp_path / "secret").write_text("not for anybody")
    (settings.artifacts / "1" / "1" / "adapter" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(settings.logs / "1" / "2.log")
    with sqlite3.connect(settings.home / "loraone.db") as database:
        for name, path in (("up", "../../secret"), ("root", f"{tmp_path}/secret"), ("all", ".")):
            database.execute(f"INSERT INTO artifacts VALUES (2, '{name}', '{path}', 3, 0.0, 1)")
    written = write(settings, tmp_path / "all.tar")
    assert written.left_out == 5
    assert parts_of(tmp_path / "all.tar").keys() == {"manifest.json", "loraone.db"}


def test_a_journal_or_files_that_are_left_in_the_folder_are_not_mixed_in(
    sound: Parts, tmp_path: Path
) -> None:
    file = packed(sound, tmp_path / "all.tar")
    for left in ("loraone.db-wal", "artifacts/7/x", "logs/7.log"):
        home = tmp_path / "new"
        (home / left).parent.mkdir(parents=True, exist_ok=True)
        (home / left).write_text("of another one")
        with pytest.raises(BackupError, match="move it away"):
            restore(fresh(home), file)
        assert (home / left).read_text() == "of another one"
        shutil.rmtree(home)
    (tmp_path / "new" / "artifacts").mkdir(parents=True)
    assert restore(fresh(tmp_path / "new"), file).runs == 2
