"""Runs and lanes: the database is the queue."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, validates

from backend.storage.column_types import Large
from backend.storage.tables.base import Base, now
from backend.storage.tables.bin import BinnedAdapter

ACTIVE = ("queued", "running")
FINAL = ("succeeded", "failed", "cancelled")
STATUSES = (*ACTIVE, *FINAL)
IMPORTING = "importing"  # of an experiment that is not all there yet; nobody sees it

# How a note begins that is a warning, wherever it is read.
WARNING = "Warning: "


class Run(Base):
    """One run, and its place in the queue: the database is the queue."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_queue", "status", "priority", "id", "experiment_id", "not_before"),
        Index("ix_runs_ended", "status", "finished_at", "experiment_id", "busy_seconds"),
        Index("ix_runs_times", "experiment_id", "status", "device", "finished_at", "started_at"),
        Index("ix_runs_grid", "experiment_id", "rank", "learning_rate", "seed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    spec: Mapped[dict[str, Any]]
    method: Mapped[str] = mapped_column(String(100))
    label: Mapped[str] = mapped_column(String(200))
    rank: Mapped[int | None]
    learning_rate: Mapped[float] = mapped_column(Float)
    seed: Mapped[int]

    status: Mapped[str] = mapped_column(String(20), default="queued")
    priority: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    # How often a worker or the server died under the run; attempts also count orderly restarts.
    lost: Mapped[int] = mapped_column(default=0)
    # The last step that an attempt went on from, -1 before any; how often the run was lost or its
    # worker was asked to end is counted from there.
    reached: Mapped[int] = mapped_column(default=-1, server_default="-1")
    preempted: Mapped[int] = mapped_column(default=0, server_default="0")
    last_seq: Mapped[int] = mapped_column(default=-1)
    lane: Mapped[str | None] = mapped_column(String(40))
    phase: Mapped[str | None] = mapped_column(String(40))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    # After it was lost, a run waits for a while: what killed it may still be there.
    not_before: Mapped[datetime | None]
    # Time on lanes over all attempts: what users share fairly.
    busy_seconds: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    if TYPE_CHECKING:
        has_adapter: Mapped[bool]  # set below, where the table of artifacts is known
    environment: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # That of the environment, for looking up what runs took.
    device: Mapped[str | None] = mapped_column(String(200))
    layers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    notes: Mapped[list[Any]] = mapped_column(JSON, default=list)
    init_scalars: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @validates("environment")
    def _on_device(self, _: str, environment: dict[str, Any] | None) -> dict[str, Any] | None:
        """Wherever an environment is set, the device is set with it."""
        self.device = self.device_of(environment)
        return environment

    @staticmethod
    def device_of(environment: dict[str, Any] | None) -> str | None:
        """The device that an environment names."""
        device = environment.get("device") if isinstance(environment, dict) else None
        return None if device is None else str(device)[:200]

    @property
    def warnings(self) -> list[str]:
        """Those notes that say what is wrong with a result of the run."""
        return [note for note in self.notes if note.startswith(WARNING)]


class LaneRow(Base):
    """A lane as every server sees it; ``mode`` is what a user chose for it."""

    __tablename__ = "lanes"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    mode: Mapped[str] = mapped_column(String(20), default="open")
    present: Mapped[bool] = mapped_column(default=True)
    memory: Mapped[int | None] = mapped_column(Large)
    temperature: Mapped[float | None] = mapped_column(Float)


class ArtifactRow(Base):
    """Something a run wrote; ``path`` is relative to the artifacts folder."""

    __tablename__ = "artifacts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(Large)
    max_error: Mapped[float]
    verified: Mapped[bool]


# Whether a run has an adapter to download: one that was imported has none, whatever its spec says,
# and one whose adapter is in the bin.
Run.has_adapter = column_property(
    select(ArtifactRow.run_id)
    .where(
        ArtifactRow.run_id == Run.id,
        ArtifactRow.name == "adapter",
        ArtifactRow.run_id.not_in(select(BinnedAdapter.run_id)),
    )
    .correlate_except(ArtifactRow, BinnedAdapter)
    .exists()
)
