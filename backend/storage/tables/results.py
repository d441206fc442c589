"""What runs measured: arrays are little-endian float32 BLOBs, filtered scalars are columns."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.column_types import Large
from backend.storage.tables.base import Base


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
    """Singular values of one quantity of one layer; ``layer`` counts from 0 in model order.

    ``known``: after the first so many the values are estimates; null where all are exact.
    """

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
    known: Mapped[int | None]
    effective_rank_error: Mapped[float | None]


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
