"""What the runs of a basket measured, a row for each number: for programs and spreadsheets."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from backend.api.answers import FILE
from backend.api.chosen import BasketDep, Layer, known
from backend.api.deps import Reading
from backend.api.kept import basket as its_basket
from backend.api.kept import kept
from backend.api.rights import needs
from backend.api.tabular import answer_table
from backend.results import measured
from loraone.catalog import SPECTRA

router = APIRouter(prefix="/measured", tags=["measured"])

File = Literal["csv", "parquet"]


@router.get("/metrics", response_class=Response, responses=FILE)
@kept(its_basket, slow=True)
@needs("read", shared=True)
def read_metrics(session: Reading, basket: BasketDep, format: File = "csv") -> Response:
    """Every metric of every run by step, with the seconds and tokens until then."""
    return answer_table(measured.metrics(session, basket.ids), format, "metrics")


@router.get("/spectra", response_class=Response, responses=FILE)
@kept(its_basket, slow=True)
@needs("read", shared=True)
def read_spectra(
    session: Reading,
    basket: BasketDep,
    quantity: Annotated[str, Query(max_length=100)] = next(iter(SPECTRA)),
    layer: Annotated[Layer | None, Query(description="Of this layer alone")] = None,
    format: File = "csv",
) -> Response:
    """The singular values of one quantity, of every layer of every run."""
    known("quantity", quantity, SPECTRA)
    table = measured.spectra(session, basket.rows, quantity, layer)
    return answer_table(table, format, f"spectra-{quantity}")


@router.get("/alignment", response_class=Response, responses=FILE)
@kept(its_basket, slow=True)
@needs("read", shared=True)
def read_alignment(session: Reading, basket: BasketDep, format: File = "csv") -> Response:
    """Every measure of alignment with the one-step gradient, by step, layer and side."""
    return answer_table(measured.alignment(session, basket.rows), format, "alignment")
