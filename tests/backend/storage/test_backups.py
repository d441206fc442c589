"""A backup taken while the server runs is a sound whole; restoring is all or nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from backend.settings import Settings
from backend.storage.backups import BackupError, restore, write
from backend.storage.database import Database, NewerSchemaError
from backend.storage.store import experiments
from loraone.spec.experiment import expand
from tests.backend.conftest import Process, Start, check_sound
from tests.backend.storage.archived import SPEC, filled, fresh
from tests.conftest import tiny_experiment

pytestmark = pytest.mark.sqlite


def test_what_was_backed_up_is_there_again_with_its_files(tmp_path: Path) -> None:
    written = write(filled(tmp_path / "old"), tmp_path / "all.tar")
    there = fresh(tmp_path / "new")
    assert restore(there, tmp_path / "all.tar") == written
    assert (written.experiments, written.runs) == (1, len(expand(SPEC)))
    names = {path.name for path in there.home.iterdir()}
    assert names == {"artifacts", "logs", "loraone.db", "server.lock"}
    database = Database(there.url)
    with database.read() as session:
        found, _ = experiments.search(session, "kept", 10, 0)
        assert found[0].experiment.author == "ana"
    check_sound(there.url)
    adapter = there.artifacts / "1" / "1" / "adapter" / "adapter_model.safetensors"
    assert adapter.read_bytes() == b"abc"
    assert (there.logs / "1" / "1.log").read_text() == "printed"


def test_adapters_can_be_left_out(tmp_path: Path) -> None:
    write(filled(tmp_path / "old"), tmp_path / "small.tar", adapters=False)
    with tarfile.open(tmp_path / "small.tar") as tar:
        assert tar.getnames() == ["manifest.json", "loraone.db"]


def test_a_folder_that_has_a_database_is_not_touched(tmp_path: Path) -> None:
    settings = filled(tmp_path / "old")
    write(settings, tmp_path / "all.tar")
    before = (settings.home / "loraone.db").read_bytes()
    with pytest.raises(BackupError, match="exists; move it away"):
        restore(settings, tmp_path / "all.tar")
    assert (settings.home / "loraone.db").read_bytes() == before


def evil(file: Path) -> None:
    with tarfile.open(file, "w") as tar:
        info = tarfile.TarInfo("../outside")
        tar.addfile(info)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40_000])


def garbled(file: Path) -> None:
    data = bytearray(file.read_bytes())
    at = data.index(b"SQLite format 3") + 4096
    data[at : at + 20_000] = bytes(20_000)
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [evil, cut, garbled])
def test_a_file_that_is_damaged_or_evil_changes_nothing(tmp_path: Path, damage: Any) -> None:
    write(filled(tmp_path / "old"), tmp_path / "all.tar", adapters=False)
    damage(tmp_path / "all.tar")
    there = fresh(tmp_path / "new")
    with pytest.raises(BackupError, match="damaged"):
        restore(there, tmp_path / "all.tar")
    assert {path.name for path in there.home.iterdir()} <= {"server.lock"}
    assert not (tmp_path / "outside").exists()


def test_a_backup_of_a_newer_release_is_refused_by_its_schema(tmp_path: Path) -> None:
    settings = filled(tmp_path / "old")
    with sqlite3.connect(settings.home / "loraone.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    write(settings, tmp_path / "all.tar")
    with pytest.raises(NewerSchemaError, match="9999"):
        restore(fresh(tmp_path / "new"), tmp_path / "all.tar")
    assert not (tmp_path / "new" / "loraone.db").exists()


def loraone(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_backup_of_a_server_in_the_middle_of_a_run_goes_on_elsewhere(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    training = {"steps": 400, "batch_size": 8, "warmup_steps": 1, "eval_every": 50}
    spec = tiny_experiment(
        tiny_models["bert"], texts_csv, training=training, methods=["lora", "lora_one"]
    )
    server = start()
    key = server.post("/api/experiments", spec)["id"]
    server.wait(lambda: server.runs(key)[0]["status"] == "succeeded")
    server.wait(lambda: server.training(key))
    file = tmp_path / "running.tar"
    written = loraone("backup", "--output", str(file), "--home", str(server.home))
    assert "1 experiments, 2 runs" in written.stderr.replace("\n", " "), written.stderr
    refused = loraone("restore", str(file), "--home", str(server.home))
    assert refused.returncode == 2
    first = server.runs(key)[0]
    adapter = server.http.get(f"/api/runs/{first['id']}/adapter.zip").content
    server.stop(signal.SIGKILL)

    elsewhere = tmp_path / "elsewhere"
    assert loraone("restore", str(file), "--home", str(elsewhere)).returncode == 0
    other = Process(elsewhere, [*tiny_models.values(), texts_csv.parent])
    one, two = other.settle(key)
    assert one == first
    assert (two["status"], two["attempt"]) == ("succeeded", 2)
    assert len(other.http.get(f"/api/runs/{first['id']}/adapter.zip").content) == len(adapter)
    other.stop()
    check_sound(f"sqlite:///{elsewhere}/loraone.db")


def test_postgresql_is_left_to_its_own_tools(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    )
    with pytest.raises(BackupError, match="pg_dump"):
        write(settings, tmp_path / "all.tar")


@pytest.mark.parametrize("release", ["0001", "0002", "0003"])
def test_every_released_schema_comes_forward_with_its_runs(tmp_path: Path, release: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import MetaData

    from backend.storage.database import MIGRATIONS
    from backend.storage.tables import Run, now

    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, release)
    old = MetaData()
    old.reflect(database.engine)
    values: dict[str, Any] = {
        "VARCHAR": "x",
        "TEXT": "x",
        "INTEGER": 1,
        "FLOAT": 0.5,
        "DOUBLE": 0.5,
    }
    values |= {"BOOLEAN": False, "DATETIME": now(), "BLOB": b"\0\0\0\0", "JSON": {}}
    spec = SPEC.model_dump(mode="json")
    with database.engine.begin() as connection:
        for table in old.sorted_tables:
            row = {c.name: values[str(c.type).split("(")[0]] for c in table.columns}
            if table.name == "alembic_version":
                continue
            if table.name == "experiments":
                row |= {"spec": spec}
            if table.name == "runs":
                row |= {"status": "queued", "notes": []}
            connection.execute(table.insert().values(**row))
    database.migrate()
    with database.read() as session:
        run = session.get_one(Run, 1)
        assert (run.status, run.busy_seconds, run.not_before) == ("queued", 0.0, None)
        rows = {
            name: session.connection().exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
            for name in ("metrics", "spectra", "layer_columns", "artifacts")
        }
        assert set(rows.values()) == {1}
    database.close()
    check_sound(database.url)
