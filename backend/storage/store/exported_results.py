"""What the rows of an exported run's tables of results may hold, alone and beside its layers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from backend.storage.store.exported_rows import Count, Floats, Large, Row
from backend.storage.tables import (
    AlignmentRow,
    Base,
    LayerColumn,
    MetricRow,
    OverlapRow,
    SpectrumRow,
)
from loraone.catalog import METRICS, SPECTRA

_FLOAT = 4


class ResultRow(Row):
    """Base of all rows of results; ``key`` are the fields that no other row of the run shares."""

    table: ClassVar[type[Base]]
    key: ClassVar[tuple[str, ...]]

    def problem(self, layers: int) -> str | None:
        """What is wrong with it in a run of so many layers; None where nothing is."""
        return None


class ExportedMetric(ResultRow):
    """A scalar at a step."""

    table = MetricRow
    key = ("name", "step")
    name: Literal[tuple(METRICS)]  # type: ignore[valid-type]
    step: Count
    value: float
    seconds: Annotated[float, Field(ge=0)]
    tokens: Large


class ExportedSpectrum(ResultRow):
    """Singular values of a layer."""

    table = SpectrumRow
    key = ("quantity", "layer")
    quantity: Literal[tuple(SPECTRA)]  # type: ignore[valid-type]
    layer: Count
    length: Count
    values: Floats
    sigma1: float | None = None
    frobenius: float | None = None
    stable_rank: float | None = None
    effective_rank: float | None = None
    energy_top_r: float | None = None
    gap: float | None = None
    known: Count | None = None
    effective_rank_error: Annotated[float, Field(ge=0)] | None = None

    def problem(self, layers: int) -> str | None:
        """It belongs to a layer, and has the number of values that it says."""
        if self.known is not None and self.known > self.length:
            return f"knows {self.known} values of {self.length}"
        if self.layer >= layers:
            return f"is of layer {self.layer}; the run has {layers}"
        return _length("values", self.values, self.length)


class ExportedAlignment(ResultRow):
    """Principal angles of all layers at a step."""

    table = AlignmentRow
    key = ("step",)
    step: Count
    rank: Annotated[int, Field(ge=1, le=2**20)]
    left: Floats
    right: Floats
    energy: Floats

    def problem(self, layers: int) -> str | None:
        """``rank`` angles on each side of each layer."""
        return (
            _length("left", self.left, layers * self.rank)
            or _length("right", self.right, layers * self.rank)
            or _length("energy", self.energy, layers)
        )


class ExportedOverlap(ResultRow):
    """Squared cosines between directions of all layers at a step."""

    table = OverlapRow
    key = ("step",)
    step: Count
    size: Annotated[int, Field(ge=1, le=2**12)]
    left: Floats
    right: Floats

    def problem(self, layers: int) -> str | None:
        """``size`` × ``size`` of them on each side of each layer."""
        count = layers * self.size**2
        return _length("left", self.left, count) or _length("right", self.right, count)


class ExportedColumn(ResultRow):
    """A metric of every layer. Its name may be one that is only known where it comes from."""

    table = LayerColumn
    key = ("name",)
    name: Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    values: Floats

    def problem(self, layers: int) -> str | None:
        """One value for each layer."""
        return _length("values", self.values, layers)


def _length(field: str, packed: bytes, count: int) -> str | None:
    have = len(packed) / _FLOAT
    return None if have == count else f"has {have:g} numbers in {field}, and {count} are expected"


ROWS: dict[str, type[ResultRow]] = {
    kind.table.__tablename__: kind
    for kind in (
        ExportedMetric,
        ExportedSpectrum,
        ExportedAlignment,
        ExportedOverlap,
        ExportedColumn,
    )
}
