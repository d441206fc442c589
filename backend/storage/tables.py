"""The schema. Arrays are little-endian float32 BLOBs, scalars that are filtered by are columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    false,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, validates

from backend.storage.column_types import Large, UtcDateTime

ACTIVE = ("queued", "running")
FINAL = ("succeeded", "failed", "cancelled")
STATUSES = (*ACTIVE, *FINAL)
IMPORTING = "importing"  # of an experiment that is not all there yet; nobody sees it


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: UtcDateTime}  # noqa: RUF012


class Experiment(Base):
    """A grid of runs that somebody launched."""

    __tablename__ = "experiments"
    __table_args__ = (
        Index("ix_experiments_listed", "archived", "id", "group_key"),
        # In the orders that a list can have, and to look only at what a term is about.
        *(
            Index(f"ix_experiments_by_{name}", name, "id", "archived", "group_key")
            for name in ("name", "model", "data", "author", "run_count", "best_value", "starred")
        ),
        Index("ix_experiments_model", "task", "model"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    spec: Mapped[dict[str, Any]]
    # What the history searches in: name, description, methods, model, data, in lower case.
    search_text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    # What the history shows and filters by; the spec says the same.
    task: Mapped[str] = mapped_column(String(100), default="")
    model: Mapped[str] = mapped_column(String(500), default="")
    data: Mapped[str] = mapped_column(String(500), default="")
    author: Mapped[str] = mapped_column(String(100), default="")
    starred: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    # What its runs are, which never changes (:mod:`.store.summaries`).
    methods: Mapped[str] = mapped_column(Text, default="", server_default="")
    labels: Mapped[str] = mapped_column(Text, default="", server_default="")
    run_count: Mapped[int] = mapped_column(default=0, server_default="0")
    group_key: Mapped[int] = mapped_column(Large, default=0, server_default="0")
    # What is ahead in it once all its runs have ended: see :mod:`backend.storage.store.settling`.
    settled: Mapped[bool] = mapped_column(default=False, server_default=false())
    best: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    best_value: Mapped[float | None] = mapped_column(Float)


class Tag(Base):
    """A word that somebody put on an experiment, in lower case."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_name", "name", "experiment_id"),)

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(40), primary_key=True)


class Note(Base):
    """One version of an experiment's notes, Markdown; older ones are kept."""

    __tablename__ = "notes"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)


class SavedView(Base):
    """A search of the history under a name."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    query: Mapped[str] = mapped_column(String(500))


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


class MetricRow(Base):
    """One scalar of one run at one step."""

    __tablename__ = "metrics"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float]
    seconds: Mapped[float]
    tokens: Mapped[int] = mapped_column(Large)


class SpectrumRow(Base):
    """Singular values of one quantity of one layer; ``layer`` counts from 0 in model order."""

    __tablename__ = "spectra"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    quantity: Mapped[str] = mapped_column(String(20), primary_key=True)
    layer: Mapped[int] = mapped_column(primary_key=True)
    length: Mapped[int]
    values: Mapped[bytes] = mapped_column(LargeBinary)
    sigma1: Mapped[float | None]
    frobenius: Mapped[float | None]
    stable_rank: Mapped[float | None]
    effective_rank: Mapped[float | None]
    energy_top_r: Mapped[float | None]
    gap: Mapped[float | None]


class AlignmentRow(Base):
    """Principal angles of all layers at one step, shape (layers, rank), and captured energy."""

    __tablename__ = "alignments"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    rank: Mapped[int]
    left: Mapped[bytes] = mapped_column(LargeBinary)
    right: Mapped[bytes] = mapped_column(LargeBinary)
    energy: Mapped[bytes] = mapped_column(LargeBinary)


class OverlapRow(Base):
    """Squared cosines between single directions, shape (layers, size, size), at one step."""

    __tablename__ = "overlaps"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    left: Mapped[bytes] = mapped_column(LargeBinary)
    right: Mapped[bytes] = mapped_column(LargeBinary)


class LayerColumn(Base):
    """One column of the reports at the init and about the update: a value per layer."""

    __tablename__ = "layer_columns"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    values: Mapped[bytes] = mapped_column(LargeBinary)


class ArtifactRow(Base):
    """Something a run wrote; ``path`` is relative to the artifacts folder."""

    __tablename__ = "artifacts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(Large)
    max_error: Mapped[float]
    verified: Mapped[bool]


# Whether a run has an adapter to download: one that was imported has none, whatever its spec says.
Run.has_adapter = column_property(
    select(ArtifactRow.run_id)
    .where(ArtifactRow.run_id == Run.id, ArtifactRow.name == "adapter")
    .correlate_except(ArtifactRow)
    .exists()
)


class Change(Base):
    """What browsers follow: one row per change of a run, pruned from the front."""

    __tablename__ = "changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(index=True)
    run_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    payload: Mapped[dict[str, Any]]
