"""What browsers follow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base


class Change(Base):
    """What browsers follow: one row per change of a run, pruned from the front."""

    __tablename__ = "changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(index=True)
    run_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    payload: Mapped[dict[str, Any]]
