"""A small backup, taken apart and put together again: what a hostile or damaged one is made of."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from backend.settings import Settings
from backend.storage.backups import write
from backend.storage.database import Database
from backend.storage.store import experiments
from loraone.spec.experiment import ExperimentSpec

SPEC = ExperimentSpec.model_validate({"name": "Kept", "methods": ["lora", "lora_one"]})

Parts = dict[str, bytes]


def filled(home: Path) -> Settings:
    """A folder with an experiment, an adapter of its first run, and something printed."""
    settings = fresh(home)
    home.mkdir(parents=True)
    database = Database(settings.url)
    database.migrate()
    with database.write() as session:
        experiments.create(session, SPEC, "ana")
        session.connection().exec_driver_sql(
            "INSERT INTO artifacts VALUES (1, 'adapter', '1/1/adapter', 3, 0.0, 1)"
        )
    database.close()
    adapter = settings.artifacts / "1" / "1" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"abc")
    (settings.logs / "1").mkdir(parents=True)
    (settings.logs / "1" / "1.log").write_text("printed")
    return settings


def fresh(home: Path) -> Settings:
    """The settings of a folder without anything."""
    return Settings(home=home, database_url=f"sqlite:///{home / 'loraone.db'}")


def parts_of(file: Path) -> Parts:
    """The members of a backup by their names."""
    with tarfile.open(file) as tar:
        return {
            member.name: source.read()
            for member in tar
            if (source := tar.extractfile(member)) is not None
        }


def packed(parts: Parts, file: Path, *extra: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A backup of these members, and of more that only a tar by hand has."""
    with tarfile.open(file, "w") as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info, content in extra:
            tar.addfile(info, io.BytesIO(content))
    return file


def listed(parts: Parts, **changes: Any) -> Parts:
    """The same with a manifest that has all of it, and with changes in that."""
    manifest = json.loads(parts["manifest.json"])
    manifest["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in parts.items()
        if name != "manifest.json"
    }
    return {**parts, "manifest.json": json.dumps({**manifest, **changes}).encode()}


def with_database(parts: Parts, change: Callable[[sqlite3.Connection], Any], folder: Path) -> Parts:
    """The same with a change in its database, and a manifest that says so."""
    file = folder / "changed.db"
    file.write_bytes(parts["loraone.db"])
    with closing(sqlite3.connect(file)) as database:
        change(database)
        database.commit()
        database.execute("PRAGMA journal_mode=DELETE")
    return listed({**parts, "loraone.db": file.read_bytes()})


def a_backup(folder: Path) -> Parts:
    """The members of a sound backup."""
    write(filled(folder / "old"), folder / "sound.tar")
    return parts_of(folder / "sound.tar")
