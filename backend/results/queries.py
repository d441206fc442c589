"""Stored rows as the data frames and arrays that figure functions take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.store.results import unpack
from backend.storage.tables import (
    AlignmentRow,
    LayerColumn,
    MetricRow,
    OverlapRow,
    Run,
    SpectrumRow,
)
from loraone.analysis import outcomes
from loraone.analysis.figures.alignment import LayerAngles
from loraone.analysis.figures.spectra import MeasuredValues
from loraone.catalog import OVERVIEW

MOST_STEPS = 10_000

_IDENTITY = (
    "run_id",
    "method",
    "label",
    "series",
    "origin",
    "rank",
    "learning_rate",
    "seed",
    "status",
)
_SUMMARY = tuple(row.name for row in OVERVIEW)


def layer_names(rows: list[Run]) -> list[str]:
    """The target layers, as the first run that knows them says."""
    return next((list(run.layers["names"]) for run in rows if run.layers), [])


def runs(rows: list[Run]) -> pd.DataFrame:
    """One row per run, whatever became of it: ``status`` says so.

    ``series`` names what a line stands for: method, and rank where several. With runs of several
    experiments ``origin`` is the experiment's number, and labels carry it.
    """
    mixed = len({run.experiment_id for run in rows}) > 1
    origins = [f"#{run.experiment_id}" if mixed else "" for run in rows]
    labels = [f"{run.label} {origin}".strip() for run, origin in zip(rows, origins, strict=True)]
    series = outcomes.names(labels, [run.rank for run in rows])
    records = []
    for run, label, name, origin in zip(rows, labels, series, origins, strict=True):
        summary = run.summary or {}
        records.append(
            {
                "run_id": run.id,
                "method": run.method,
                "label": label,
                "series": name,
                "origin": origin,
                "rank": run.rank,
                "learning_rate": run.learning_rate,
                "seed": run.seed,
                "status": run.status,
                **{name: summary.get(name) for name in _SUMMARY},
            }
        )
    frame = pd.DataFrame(records, columns=[*_IDENTITY, *_SUMMARY])
    # Full fine-tuning has no rank: without this a frame of it alone would hold objects.
    return frame.astype(dict.fromkeys(["rank", *_SUMMARY], "float64"))


def metrics(session: Session, run_ids: list[int], name: str) -> pd.DataFrame:
    """Every value of one metric, of these runs."""
    rows = session.execute(
        select(
            MetricRow.run_id, MetricRow.step, MetricRow.value, MetricRow.seconds, MetricRow.tokens
        )
        .where(MetricRow.run_id.in_(run_ids), MetricRow.name == name)
        .order_by(MetricRow.run_id, MetricRow.step)
    ).all()
    frame = pd.DataFrame(rows, columns=["run_id", "step", "value", "seconds", "tokens"])
    # Of imports that earlier releases did not check; nothing here stores such values.
    measured = frame[["value", "seconds"]].to_numpy(dtype="float64")
    return frame.iloc[np.flatnonzero(np.isfinite(measured).all(axis=1))]


def before(rows: list[Run], metric: str) -> dict[int, float]:
    """A metric of the untouched model, before any initialisation, by run; where it was measured."""
    name = f"{metric}_before"
    measured = {run.id: (run.init_scalars or {}).get(name) for run in rows}
    return {key: float(value) for key, value in measured.items() if value is not None}


def scalar(session: Session, run_id: int, quantity: str, name: str) -> dict[int, float | None]:
    """One scalar of every layer's spectrum, by layer index."""
    column = getattr(SpectrumRow, name)
    rows = session.execute(
        select(SpectrumRow.layer, column).where(
            SpectrumRow.run_id == run_id, SpectrumRow.quantity == quantity
        )
    ).all()
    return {
        int(layer): value if value is not None and math.isfinite(value) else None
        for layer, value in rows
    }


def effective_rank_errors(session: Session, run_id: int, quantity: str) -> dict[int, float]:
    """The standard errors of effective ranks that are estimates, by layer index."""
    found = scalar(session, run_id, quantity, "effective_rank_error")
    return {layer: value for layer, value in found.items() if value is not None}


@dataclass(frozen=True)
class LayerScalars:
    """A scalar of a run's layers by their index, the standard errors of those that are estimates,
    and whose run's they are: of none where no run has it."""

    values: dict[int, float | None]
    errors: dict[int, float]
    run_id: int | None


def first_scalar(session: Session, run_ids: list[int], quantity: str, name: str) -> LayerScalars:
    """:func:`scalar` of the first of the runs that has it."""
    for run_id in run_ids:
        if values := scalar(session, run_id, quantity, name):
            estimated = name == "effective_rank"
            errors = effective_rank_errors(session, run_id, quantity) if estimated else {}
            return LayerScalars(values, errors, run_id)
    return LayerScalars({}, {}, None)


def without_gradient(session: Session, run_id: int | None) -> list[int]:
    """The indices of the layers whose gradient is exactly zero: experts that got no token."""
    if run_id is None:
        return []
    values = scalar(session, run_id, "gradient", "sigma1")
    return [layer for layer, value in values.items() if value == 0]


def spectra(
    session: Session, run_ids: list[int], layer: int, quantities: list[str]
) -> dict[tuple[int, str], MeasuredValues]:
    """Singular values of one layer by (run, quantity)."""
    rows = session.execute(
        select(
            SpectrumRow.run_id, SpectrumRow.quantity, SpectrumRow.values, SpectrumRow.known
        ).where(
            SpectrumRow.run_id.in_(run_ids),
            SpectrumRow.layer == layer,
            SpectrumRow.quantity.in_(quantities),
        )
    ).all()
    measured = {
        (int(run_id), str(quantity)): MeasuredValues(unpack(data), known)
        for run_id, quantity, data, known in rows
    }
    order = {quantity: i for i, quantity in enumerate(quantities)}
    position = {run_id: i for i, run_id in enumerate(run_ids)}
    return dict(sorted(measured.items(), key=lambda row: (position[row[0][0]], order[row[0][1]])))


def alignments(
    session: Session, run_ids: list[int], up_to: int | None = None
) -> Iterator[LayerAngles]:
    """Every alignment that was measured of these runs, with ``up_to`` those of steps until then,
    read a few at a time: together they may be most of what is stored."""
    query = (
        select(AlignmentRow)
        .where(AlignmentRow.run_id.in_(run_ids))
        .order_by(AlignmentRow.run_id, AlignmentRow.step)
    )
    if up_to is not None:
        query = query.where(AlignmentRow.step <= up_to)
    rows = session.scalars(query.execution_options(yield_per=20))
    return (angles for row in rows if (angles := _angles(row)) is not None)


def _angles(row: AlignmentRow) -> LayerAngles | None:
    """The arrays of a row; None where their lengths are not those that it says."""
    left, right, energy = unpack(row.left), unpack(row.right), unpack(row.energy)
    if row.rank < 1 or not len(left) == len(right) == len(energy) * row.rank > 0:
        return None
    shape = (len(energy), row.rank)
    return LayerAngles(row.run_id, row.step, left.reshape(shape), right.reshape(shape), energy)


def alignment_steps(session: Session, run_ids: list[int]) -> list[int]:
    """The steps at which any of these runs was measured; of very many an even choice with the
    first and the last, as a slider can tell no more apart."""
    query = select(AlignmentRow.step).where(AlignmentRow.run_id.in_(run_ids)).distinct()
    steps = sorted(session.scalars(query))
    if len(steps) <= MOST_STEPS:
        return steps
    return [steps[i] for i in np.linspace(0, len(steps) - 1, MOST_STEPS).astype(int)]


def overlap(session: Session, run_id: int, last: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Squared cosines (layers, k, k) on the left and on the right, first or last measured."""
    order = OverlapRow.step.desc() if last else OverlapRow.step
    row = session.scalars(
        select(OverlapRow).where(OverlapRow.run_id == run_id).order_by(order).limit(1)
    ).first()
    if row is None:
        return None
    left, right = unpack(row.left), unpack(row.right)
    if row.size < 1 or len(left) != len(right) or len(left) % row.size**2:
        return None  # its lengths are not those that it says
    shape = (-1, row.size, row.size)
    return left.reshape(shape), right.reshape(shape)


def layer_columns(session: Session, run_ids: list[int], name: str) -> dict[int, list[float]]:
    """One column of the runs' reports, a value per layer, by run."""
    rows = session.execute(
        select(LayerColumn.run_id, LayerColumn.values).where(
            LayerColumn.run_id.in_(run_ids), LayerColumn.name == name
        )
    ).all()
    return {int(run_id): [float(value) for value in unpack(data)] for run_id, data in rows}
