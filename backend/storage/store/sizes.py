"""What runs take: their rows, as estimated from what stands in them, their files, their logs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, LargeBinary, Text, cast, func, literal, select
from sqlalchemy.orm import Session

from backend.storage.store.many import among
from backend.storage.store.runs import RESULTS
from backend.storage.tables import ArtifactRow, BinnedAdapter, Run

# Of a row apart from its texts and arrays: numbers, headers, its keys in the indexes.
_ROW, _RUN_ROW = 60, 600


@dataclass(frozen=True)
class Size:
    """In bytes."""

    rows: int = 0
    files: int = 0
    logs: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.rows + other.rows, self.files + other.files, self.logs + other.logs)

    @property
    def document(self) -> dict[str, int]:
        """As JSON."""
        return asdict(self)


def of_runs(session: Session, ids: Sequence[int], logs: Path) -> Size:
    """Of everything of these runs."""
    rows = _stored(session, ids)
    size = select(func.sum(ArtifactRow.bytes)).where(among(session, ArtifactRow.run_id, ids))
    printed = sum(folder_bytes(logs / str(key)) for key in ids)
    return Size(rows, int(session.scalar(size) or 0), printed)


def expected(columns: int, results: Iterable[tuple[int, int]]) -> int:
    """Of a run that comes in, from the bytes of its own columns, and how many rows of results it
    has with how many bytes of arrays."""
    return _RUN_ROW + columns + sum(count * _ROW + held for count, held in results)


def of_adapters(session: Session, ids: Sequence[int]) -> tuple[list[int], Size]:
    """Those of these runs that have an adapter, and what the adapters take."""
    found = session.execute(
        select(ArtifactRow.run_id, ArtifactRow.bytes)
        .where(
            among(session, ArtifactRow.run_id, ids),
            ArtifactRow.name == "adapter",
            ArtifactRow.run_id.not_in(select(BinnedAdapter.run_id)),
        )
        .order_by(ArtifactRow.run_id)
    ).all()
    return [int(key) for key, _ in found], Size(files=sum(int(size) for _, size in found))


def _stored(session: Session, ids: Sequence[int]) -> int:
    texts = [func.coalesce(func.length(cast(column, Text)), 0) for column in _texts(Run)]
    written = func.sum(reduce(add, texts))
    mine = among(session, Run.id, ids)
    total = len(ids) * _RUN_ROW + int(session.scalar(select(written).where(mine)) or 0)
    for table in RESULTS:
        if table is ArtifactRow:
            continue
        columns = table.__table__.columns
        arrays = [func.length(column) for column in columns if _is_array(column)]
        held = func.sum(reduce(add, arrays, literal(0)))
        query = select(func.count(), held).where(among(session, table.run_id, ids))
        count, letters = session.execute(query).one()
        total += int(count) * _ROW + int(letters or 0)
    return total


def _texts(table: type[Run]) -> list[Any]:
    return [column for column in table.__table__.columns if isinstance(column.type, JSON)]


def _is_array(column: Any) -> bool:
    return isinstance(column.type, LargeBinary)


def folder_bytes(folder: Path) -> int:
    """Of all files below; what is removed meanwhile, or cannot be read, takes no space."""
    total = 0
    for path, _, files in os.walk(folder):
        for file in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(path, file)).st_size  # noqa: PTH118
    return total
