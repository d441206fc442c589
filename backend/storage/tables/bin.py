"""What is in the bin: it is stored as before, and no query shows it (:mod:`..audience`).

Marks stand in small tables of their own. Neither the wide rows of runs are written again, nor does
a query that looks for no mark read more than the key of one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base, now

Kind = Literal["experiment", "runs", "adapters"]
# Kept for a while; being removed, from where on nothing comes back; removed but for the row with
# the highest number, which no other may be given.
State = Literal["kept", "emptying", "held"]


class Deletion(Base):
    """What somebody deleted at once of one experiment: the whole, runs of it, or their adapters."""

    __tablename__ = "deletions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(String(20))
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    # Who deleted it.
    person_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    runs: Mapped[int] = mapped_column(default=0)
    # Bytes of rows, files and logs, as :class:`..store.sizes.Size` has them.
    size: Mapped[dict[str, Any]]
    state: Mapped[State] = mapped_column(String(10), default="kept", index=True)
    # Why something of it could not be removed; it is tried again.
    trouble: Mapped[str | None] = mapped_column(Text)


class BinnedExperiment(Base):
    """An experiment in the bin, with all its runs."""

    __tablename__ = "binned_experiments"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    deletion_id: Mapped[int] = mapped_column(
        ForeignKey("deletions.id", ondelete="CASCADE"), index=True
    )


class BinnedRun(Base):
    """A run in the bin whose experiment is not there for its sake."""

    __tablename__ = "binned_runs"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    deletion_id: Mapped[int] = mapped_column(
        ForeignKey("deletions.id", ondelete="CASCADE"), index=True
    )


class BinnedAdapter(Base):
    """An adapter in the bin whose run stays; it is none any more where the run is run again."""

    __tablename__ = "binned_adapters"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "artifact"], ["artifacts.run_id", "artifacts.name"], ondelete="CASCADE"
        ),
    )

    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    artifact: Mapped[str] = mapped_column(String(40), default="adapter")
    deletion_id: Mapped[int] = mapped_column(
        ForeignKey("deletions.id", ondelete="CASCADE"), index=True
    )
