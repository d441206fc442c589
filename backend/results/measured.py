"""What runs measured as long tables: a row for each number, for whoever computes with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError
from backend.results import queries
from backend.storage.store.results import unpack
from backend.storage.tables import AlignmentRow, MetricRow, Run, SpectrumRow
from loraone.analysis.figures.alignment import SIDES, measure
from loraone.analysis.figures.spectra import MeasuredValues
from loraone.catalog import ALIGNMENT_MEASURES

# Of one table: in memory it takes a few hundred megabytes.
MOST_ROWS = 5_000_000


def metrics(session: Session, run_ids: Sequence[int]) -> pd.DataFrame:
    """Every metric of these runs by step. Raises InvalidError where they are too many."""
    columns = ["run_id", "metric", "step", "value", "seconds", "tokens"]
    chosen = MetricRow.run_id.in_(run_ids)
    _check(session, select(func.count()).select_from(MetricRow).where(chosen))
    query = (
        select(
            MetricRow.run_id,
            MetricRow.name,
            MetricRow.step,
            MetricRow.value,
            MetricRow.seconds,
            MetricRow.tokens,
        )
        .where(chosen)
        .order_by(MetricRow.run_id, MetricRow.name, MetricRow.step)
    )
    table = _typed(pd.DataFrame(session.execute(query).all(), columns=columns))
    # Of imports that earlier releases did not check; nothing here stores such values.
    finite = np.isfinite(table[["value", "seconds"]].to_numpy()).all(axis=1)
    return table.iloc[np.flatnonzero(finite)]


def spectra(
    session: Session, rows: Sequence[Run], quantity: str, layer: int | None
) -> pd.DataFrame:
    """The singular values of one quantity, of all layers or one: descending, ``index`` from 1, and
    whether each is an estimate. Raises InvalidError where they are too many."""
    chosen: list[ColumnElement[bool]] = [
        SpectrumRow.run_id.in_([run.id for run in rows]),
        SpectrumRow.quantity == quantity,
    ]
    if layer is not None:
        chosen.append(SpectrumRow.layer == layer)
    _check(session, select(func.sum(SpectrumRow.length)).where(*chosen))
    query = (
        select(SpectrumRow.run_id, SpectrumRow.layer, SpectrumRow.values, SpectrumRow.known)
        .where(*chosen)
        .order_by(SpectrumRow.run_id, SpectrumRow.layer)
    )
    names = _names(rows)
    found = [
        (run_id, index, _name(names, run_id, index), MeasuredValues(unpack(data), known))
        for run_id, index, data, known in session.execute(query)
    ]
    lengths = [len(measured.values) for *_, measured in found]
    columns = {
        "run_id": np.repeat([run_id for run_id, *_ in found], lengths),
        "layer_index": np.repeat([index for _, index, *_ in found], lengths),
        "layer": np.repeat([name for _, _, name, _ in found], lengths),
        "index": _joined([np.arange(1, length + 1) for length in lengths]),
        "value": _joined([measured.values for *_, measured in found]),
        "estimated": _joined([measured.estimated for *_, measured in found]),
    }
    return _typed(pd.DataFrame(columns))


def alignment(session: Session, rows: Sequence[Run]) -> pd.DataFrame:
    """Every measure of alignment, by step, layer and side. Raises InvalidError where they are too
    many."""
    ids = [run.id for run in rows]
    counts = select(AlignmentRow.run_id, func.count()).where(AlignmentRow.run_id.in_(ids))
    steps = dict(session.execute(counts.group_by(AlignmentRow.run_id)).tuples().all())
    names = _names(rows)
    _check_count(sum(2 * len(names[run_id]) * count for run_id, count in steps.items()))
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    for angles in queries.alignments(session, ids):
        layers = len(angles.energy)
        found = {name: measure(angles, name) for name in ALIGNMENT_MEASURES}
        for place, side in enumerate(SIDES):
            parts["run_id"].append(np.full(layers, angles.run_id))
            parts["step"].append(np.full(layers, angles.step))
            parts["layer_index"].append(np.arange(layers))
            known = [_name(names, angles.run_id, index) for index in range(layers)]
            parts["layer"].append(np.array(known))
            parts["side"].append(np.full(layers, side))
            for name, sides in found.items():
                parts[name].append(sides[place])
    columns = ["run_id", "step", "layer_index", "layer", "side", *ALIGNMENT_MEASURES]
    return _typed(pd.DataFrame({name: _joined(parts[name]) for name in columns}))


def _names(rows: Iterable[Run]) -> dict[int, list[str]]:
    """The target layers of each run, in model order."""
    return {run.id: list((run.layers or {}).get("names", ())) for run in rows}


def _name(names: Mapping[int, Sequence[str]], run_id: int, index: int) -> str:
    known = names[run_id]
    return known[index] if 0 <= index < len(known) else ""


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """With the same types of columns where there is nothing in them."""
    types = dict.fromkeys(("run_id", "step", "tokens", "layer_index", "index"), "int64")
    types |= dict.fromkeys(("metric", "layer", "side"), "str") | {"estimated": "bool"}
    return table.astype({str(name): types.get(str(name), "float64") for name in table})


def _check(session: Session, count: Select[int]) -> None:
    _check_count(session.scalar(count) or 0)


def _check_count(count: int) -> None:
    if count > MOST_ROWS:
        message = "these runs have too many numbers for one table; ask for fewer runs"
        raise InvalidError(FieldProblem("of", message, count, f"up to {MOST_ROWS} rows"))
