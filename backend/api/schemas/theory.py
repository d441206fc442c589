"""What the Theory lab answers with."""

from __future__ import annotations

from backend.api.schemas.base import Out


class PredictionOut(Out):
    """What the theory says of a series beside what was measured, medians over seeds."""

    series: str
    name: str
    label: str
    formula: str
    source: str
    predicted: float | None
    measured: float | None
    ratio: float | None
    silent: str


class TheoryOut(Out):
    """A theory experiment, solved: plotly figures and their numbers as CSV, by name."""

    figures: dict[str, str]
    tables: dict[str, str]
    predictions: list[PredictionOut]
    runs: int
    seeds: int
    seconds: float
