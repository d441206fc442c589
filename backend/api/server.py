"""The server itself: what it stores, and how it was set up."""

from __future__ import annotations

import shutil
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import func, make_url, select

from backend.api.deps import DatabaseDep, Reading, SettingsDep
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.server import ServerOut, SettingOut, StoredOut
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store.sizes import folder_bytes
from backend.storage.store.visible import visible
from backend.storage.tables import ArtifactRow, Experiment, Run
from loraone import __version__

router = APIRouter(tags=["server"])

MOST_LISTED = 10


@router.get("/server")
@fresh("it says what is free on the disk now")
@needs("admin")
def read_server(session: Reading, database: DatabaseDep, settings: SettingsDep) -> ServerOut:
    """Storage in use, and the settings with the variables that change them."""
    size = func.sum(ArtifactRow.bytes)
    largest = session.execute(
        select(Experiment.id, Experiment.name, size)
        .join(Run, Run.experiment_id == Experiment.id)
        .join(ArtifactRow, ArtifactRow.run_id == Run.id)
        .group_by(Experiment.id)
        .order_by(size.desc())
        .limit(MOST_LISTED)
    ).all()
    return ServerOut(
        version=__version__,
        database_bytes=_database_bytes(database),
        artifacts_bytes=folder_bytes(settings.artifacts),
        free_bytes=shutil.disk_usage(settings.home).free,
        experiments=session.scalar(select(func.count()).where(visible(Experiment))) or 0,
        runs=session.scalar(select(func.count()).where(visible(Run))) or 0,
        largest=[StoredOut(id=key, name=name, bytes=total) for key, name, total in largest],
        settings=_settings(settings),
    )


def _settings(settings: Settings) -> list[SettingOut]:
    values = settings.model_dump() | {
        "database_url": make_url(settings.url).render_as_string(hide_password=True)
    }
    return [
        SettingOut(
            name=f"LORAONE_{name.upper()}",
            value=_shown(values[name]),
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _database_bytes(database: Database) -> int:
    """Of SQLite's file and what stands beside it; another database's are its own business."""
    file = database.engine.url.database
    if database.engine.dialect.name != "sqlite" or not file:
        return 0
    beside = [Path(file + suffix) for suffix in ("", "-wal", "-shm")]
    return sum(path.stat().st_size for path in beside if path.is_file())
