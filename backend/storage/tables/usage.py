"""What people use of the machine: time on lanes, and room on the disk."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.column_types import Large
from backend.storage.tables.base import Base


class LaneTime(Base):
    """How long lanes worked for a person, by the hour in which attempts ended. It stands when the
    runs are deleted: whoever deletes them has had the lanes all the same."""

    __tablename__ = "lane_time"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # Since 1970.
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seconds: Mapped[float] = mapped_column(Float, default=0.0)


class RunSize(Base):
    """Bytes of a run's rows, files and logs as they were measured last; one that is ``due`` has
    changed since (:mod:`backend.storage.measuring`)."""

    __tablename__ = "run_sizes"
    __table_args__ = (
        Index("ix_run_sizes_of", "experiment_id", "bytes"),
        Index("ix_run_sizes_due", "run_id", sqlite_where=text("due"), postgresql_where=text("due")),
    )

    run_id: Mapped[int] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    experiment_id: Mapped[int]
    bytes: Mapped[int] = mapped_column(Large, default=0)
    due: Mapped[bool] = mapped_column(default=True)
