"""What the routes about results answer with."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasPath, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError

from backend.api.schemas.base import In, Out
from backend.api.schemas.catalog import QuantityOut, RunColumnOut
from backend.api.schemas.experiments import ExperimentOut, LayerOut
from backend.api.schemas.runs import RunOut
from loraone.spec.base import Real, Text, Whole, Word, at_most


class EstimateOut(Out):
    """Mean and standard deviation over ``n`` seeds."""

    mean: float
    std: float | None
    n: int


class OverviewRow(Out):
    """A method at its own best learning rate; ``item`` is how a basket names it, ``series`` how
    figures do; ``failed`` is how many of its runs came to nothing."""

    item: str
    method: str
    label: str
    series: str
    rank: int | None
    learning_rate: float | None
    finished: int
    failed: int
    runs: int
    values: dict[str, EstimateOut]
    curve: list[float]


class AnswerOut(Out):
    """What the runs say to a question."""

    question: str
    answer: str


class DifferenceOut(Out):
    """A field of the spec and its values in each experiment, or method."""

    path: str = Field(validation_alias=AliasPath("field", "path"))
    title: str = Field(validation_alias=AliasPath("field", "title"))
    section: str = Field(validation_alias=AliasPath("field", "section"))
    values: dict[str, list[Any]]


class OverviewOut(Out):
    """The verdict in a sentence, answers to further questions, and the table behind them."""

    metric: str
    judges: list[QuantityOut]
    verdict: str
    answers: list[AnswerOut]
    columns: list[QuantityOut]
    rows: list[OverviewRow]
    differences: list[DifferenceOut]


class BasketOut(Out):
    """What a basket holds; labels are those that its figures use."""

    experiments: list[ExperimentOut]
    runs: list[RunOut]
    layers: list[LayerOut]
    steps: list[int]


class TableColumnOut(RunColumnOut):
    """A column of a table of runs, and whether its values differ."""

    differs: bool


Cell = str | int | float | bool | None
CellIn = Annotated[Text, Field(max_length=10_000)] | Whole | Real | bool | None

MOST_COLUMNS = 1000


class TableIn(In):
    """A table as a page shows it."""

    columns: Annotated[
        list[Word], Field(min_length=1, max_length=MOST_COLUMNS), at_most(MOST_COLUMNS, "columns")
    ]
    # The first wrong cell is named, not each of them.
    data: Annotated[
        list[
            Annotated[
                list[CellIn],
                Field(max_length=MOST_COLUMNS),
                FailFast(),
                at_most(MOST_COLUMNS, "columns"),
            ]
        ],
        Field(max_length=100_000),
        FailFast(),
        at_most(100_000, "rows"),
    ]

    @model_validator(mode="after")
    def _whole(self) -> TableIn:
        width = len(self.columns)
        if len(set(self.columns)) < width:
            raise PydanticCustomError("same_column", "columns must have different names")
        for number, row in enumerate(self.data):
            if len(row) != width:
                raise PydanticCustomError(
                    "uneven_row",
                    "row {number} has {given} cells; allowed: {width}, one for each column",
                    {"number": number, "given": len(row), "width": width, "at": "data"},
                )
        return self


class RunTableOut(Out):
    """Runs with every field of their specs and every result."""

    columns: list[TableColumnOut]
    rows: list[dict[str, Cell]]
