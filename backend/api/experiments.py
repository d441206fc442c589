"""Experiments: launch, list, look at, cancel."""

from __future__ import annotations

from typing import Annotated, Literal

import pandas as pd
from fastapi import APIRouter, Depends, Query

from backend import frames
from backend.api import catalog
from backend.api.deps import DatabaseDep, ExperimentDep, FeedDep, Reading, SchedulerDep, SettingsDep
from backend.api.wire import (
    CancelledOut,
    EstimateOut,
    ExperimentDetailOut,
    ExperimentOut,
    OverviewOut,
    OverviewRow,
    RunOut,
)
from backend.api.wire_catalog import QuantityOut
from backend.store import experiments, runs
from backend.tables import ACTIVE, Experiment
from loraone import compare
from loraone.catalog import METRICS, TASKS, Quantity
from loraone.specs import ExperimentSpec

router = APIRouter(tags=["experiments"])


# The evaluation loss is the default: on a few hundred texts it is far less noisy than accuracy.
def _judge(
    experiment: ExperimentDep,
    judge: Annotated[
        Literal["eval_loss", "accuracy", "perplexity", "relative_loss"] | None,
        Query(description="What the best learning rate of each method is chosen by"),
    ] = None,
) -> str:
    return judge or judges(experiment)[0]


def judges(experiment: Experiment) -> list[str]:
    """The metrics that runs of this experiment can be judged by, the usual one first."""
    return list(TASKS[experiment.spec["task"]].judges)


JudgeDep = Annotated[str, Depends(_judge)]

_COLUMNS = (
    METRICS["eval_loss"],
    METRICS["accuracy"],
    METRICS["perplexity"],
    METRICS["relative_loss"],
    METRICS["fresh_loss"],
    Quantity("held_out_loss_before", "Held-out loss before init", "nats", "lower", ""),
    Quantity("held_out_loss_after", "Held-out loss after init", "nats", "lower", ""),
    Quantity("gamma", "γ", "", "none", ""),
    Quantity("train_seconds", "Training time", "s", "lower", "Without evaluation and probes"),
    Quantity("trained_parameters", "Trained parameters", "", "lower", "Adapter and head"),
)


@router.post("/experiments", status_code=201)
def launch(
    spec: ExperimentSpec,
    settings: SettingsDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> ExperimentOut:
    """Store the experiment and queue its runs."""
    catalog.check(spec, settings)
    with database.write() as session:
        experiment = experiments.create(session, spec, settings.user)
        found = ExperimentOut.of(experiments.listed(session, experiment))
    scheduler.wake()
    feed.wake()
    return found


@router.get("/experiments/{experiment_id}")
def detail(session: Reading, experiment: ExperimentDep) -> ExperimentDetailOut:
    """One experiment with its spec and runs."""
    base = ExperimentOut.of(experiments.listed(session, experiment))
    found = experiments.runs(session, experiment.id)
    return ExperimentDetailOut(
        **base.model_dump(),
        spec=ExperimentSpec.model_validate(experiment.spec),
        runs=[RunOut.of(run) for run in found],
        layers=frames.layer_names(found),
    )


@router.post("/experiments/{experiment_id}/cancel")
def cancel(
    experiment: ExperimentDep, database: DatabaseDep, scheduler: SchedulerDep, feed: FeedDep
) -> CancelledOut:
    """Cancel all runs of the experiment that have not ended."""
    with database.write() as session:
        active = [r for r in experiments.runs(session, experiment.id) if r.status in ACTIVE]
        for run in active:
            runs.cancel(session, run)
        ids = [run.id for run in active]
    for run_id in ids:
        scheduler.interrupt(run_id)
    feed.wake()
    return CancelledOut(cancelled=len(ids))


@router.get("/experiments/{experiment_id}/overview")
def overview(session: Reading, experiment: ExperimentDep, judge: JudgeDep) -> OverviewOut:
    """Each method at its own best learning rate, and a verdict in a sentence."""
    frame = frames.runs(experiments.runs(session, experiment.id))
    done = frame[frame["status"] == "succeeded"]
    best = compare.best_learning_rates(done, judge)
    rows = []
    for _, group in frame.groupby(["label", "rank"], dropna=False, sort=False):
        label, rank = group[["label", "rank"]].iloc[0]
        same = best["rank"].isna() if pd.isna(rank) else best["rank"] == rank
        chosen = best[(best["label"] == label) & same]
        values = {
            column.name: EstimateOut.model_validate(found)
            for column in _COLUMNS
            if (found := compare.estimate(chosen[column.name])) is not None
        }
        rows.append(
            OverviewRow(
                method=str(group["method"].iloc[0]),
                label=str(label),
                rank=None if pd.isna(rank) else int(rank),
                learning_rate=None if chosen.empty else float(chosen["learning_rate"].iloc[0]),
                finished=int((group["status"] == "succeeded").sum()),
                runs=len(group),
                values=values,
            )
        )
    shown = {name for row in rows for name in row.values}
    return OverviewOut(
        metric=judge,
        judges=[QuantityOut.model_validate(METRICS[name]) for name in judges(experiment)],
        verdict=compare.verdict(done, judge),
        columns=[QuantityOut.model_validate(column) for column in _COLUMNS if column.name in shown],
        rows=rows,
    )
