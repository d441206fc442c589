"""What every figure route needs: the runs that it shows, checked options, and the answer's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
import plotly.graph_objects as go
from fastapi import Depends, Query, Response

from backend import frames
from backend.api.deps import ExperimentDep, Reading
from backend.api.experiments import JudgeDep
from backend.problems import FieldProblem, invalid
from backend.store import experiments
from backend.tables import Run
from loraone import compare

Format = Literal["json", "csv"]


@dataclass(frozen=True)
class Chosen:
    """The runs that a figure shows, as rows and as a frame."""

    rows: list[Run]
    frame: pd.DataFrame

    @property
    def ids(self) -> list[int]:
        """Their ids, in the order of the frame."""
        return [int(key) for key in self.frame["run_id"]]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of every layer."""
        known = next((run.layers for run in self.rows if run.layers), None)
        if known is None:
            return []
        return list(zip(known["out_features"], known["in_features"], strict=True))


def _choose(
    session: Reading,
    experiment: ExperimentDep,
    judge: JudgeDep,
    rates: Annotated[
        Literal["best", "all"],
        Query(description="best: each method at its own best learning rate; all: every run"),
    ] = "best",
    runs: Annotated[list[int] | None, Query(description="These runs alone")] = None,
    labels: Annotated[list[str] | None, Query(description="These methods alone")] = None,
) -> Chosen:
    rows = experiments.runs(session, experiment.id)
    frame = frames.runs(rows)
    if labels:
        frame = frame[frame["label"].isin(labels)]
    if runs:
        frame = frame[frame["run_id"].isin(runs)]
    elif rates == "best":
        done = frame[frame["status"] == "succeeded"]
        best = compare.best_learning_rates(done, judge)
        unfinished = ~frame["series"].isin(best["series"])
        frame = frame[frame["run_id"].isin(best["run_id"]) | unfinished]
    else:
        several = frame.groupby("series")["learning_rate"].transform("nunique") > 1
        rate = frame["learning_rate"].map("{:g}".format)
        frame = frame.assign(
            series=frame["series"].where(~several, frame["series"] + ", lr " + rate)
        )
    return Chosen([run for run in rows if run.id in set(frame["run_id"])], frame)


ChosenDep = Annotated[Chosen, Depends(_choose)]


def answer(drawn: go.Figure, table: pd.DataFrame, form: Format, name: str) -> Response:
    if form == "csv":
        return Response(
            table.to_csv(index=False),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )
    return Response(drawn.to_json(), media_type="application/json")


def known(field: str, value: str, rows: dict[str, object]) -> str:
    if value not in rows:
        known = ", ".join(rows)
        problem = FieldProblem(
            path=field, message=f"{value!r} is not known", value=value, allowed=known
        )
        raise invalid([problem])
    return value


def check_layer(layer: int | None, chosen: Chosen) -> None:
    count = len(chosen.shapes)
    if layer is not None and count and layer >= count:
        problem = FieldProblem(
            path="layer",
            message=f"there is no layer {layer}",
            value=layer,
            allowed=f"0 to {count - 1}",
        )
        raise invalid([problem])
