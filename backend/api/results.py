"""Results of a basket: what it holds, what can be said of it, and its runs as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import pandas as pd
from fastapi import APIRouter, Response
from pydantic_core import to_json

from backend.api.answers import FILE, PARQUET, sends
from backend.api.bodies import JsonRoute
from backend.api.chosen import BasketDep, JudgeDep
from backend.api.deps import Reading
from backend.api.kept import basket as its_basket
from backend.api.kept import fresh, kept
from backend.api.rights import needs
from backend.api.schemas.experiments import ExperimentOut, LayerOut
from backend.api.schemas.results import BasketOut, OverviewOut, RunTableOut, TableColumnOut, TableIn
from backend.api.schemas.runs import RunOut
from backend.api.tabular import answer_table
from backend.errors import cut
from backend.results import queries, run_table
from backend.results.overview import overview
from backend.storage.store import experiments

# Of a table of runs, in bytes of JSON; where its words make it larger, so many letters of each.
MOST_TABLE = 9_000_000
_SHORTER = (1000, 200, 60, 20)

router = APIRouter(route_class=JsonRoute, tags=["results"])


@router.get("/basket")
@kept(its_basket)
@needs("read", shared=True)
def read_basket(session: Reading, basket: BasketDep) -> BasketOut:
    """The experiments and runs that a basket names."""
    labels = dict(zip(basket.frame["run_id"], basket.frame["label"], strict=True))
    return BasketOut(
        experiments=[
            ExperimentOut.of(row).shortened()
            for row in experiments.list_all(session, basket.experiments)
        ],
        runs=[
            run.model_copy(update={"label": labels[run.id]}) for run in RunOut.listed(basket.rows)
        ],
        layers=LayerOut.of_all(basket.layers),
        steps=queries.alignment_steps(session, basket.ids),
    )


@router.get("/overview")
@kept(its_basket, slow=True)
@needs("read", shared=True)
def read_overview(session: Reading, basket: BasketDep, judge: JudgeDep) -> OverviewOut:
    """Each method at its own best learning rate, a verdict in a sentence, and what differs."""
    return OverviewOut.model_validate(overview(session, basket, judge))


@router.get("/runs")
@kept(its_basket, slow=True)
@needs("read", shared=True)
def read_runs(basket: BasketDep) -> RunTableOut:
    """Every run with its spec and its results; where they are very long together, the beginning of
    long ones, which the file has whole."""
    table, columns = run_table.build(basket)
    plain = table.astype(object).where(table.notna(), None)
    rows = plain.to_dict("records")
    for letters in _SHORTER:
        if len(to_json(rows)) <= MOST_TABLE:
            break
        rows = [
            {name: cut(one, letters) if isinstance(one, str) else one for name, one in row.items()}
            for row in rows
        ]
    return RunTableOut(
        columns=[
            TableColumnOut(
                **asdict(head), differs=table[head.name].map(repr).nunique(dropna=False) > 1
            )
            for head in columns
        ],
        rows=rows,
    )


@router.post("/tables/parquet", response_class=Response, responses=sends(PARQUET))
@needs("read", shared=True)
def pack(table: TableIn) -> Response:
    """Any table of a page as Parquet; a column of words and numbers becomes words."""
    frame = pd.DataFrame(table.data, columns=table.columns)
    for name in frame.select_dtypes("object").columns:
        frame[name] = frame[name].map(str, na_action="ignore")
    return answer_table(frame, "parquet", "table")


@router.get("/runs/file", response_class=Response, responses=FILE)
@fresh("a file that is asked for once")
@needs("read", shared=True)
def download_runs(basket: BasketDep, format: Literal["csv", "parquet"] = "csv") -> Response:
    """The same table as a file."""
    table, _ = run_table.build(basket)
    return answer_table(table, format, "runs")
