"""In what order the history lists experiments: by a column of its table, either way.

What has no value comes last either way, as in every table of the page; those that are equal come
newest first, so that pages of a list never overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlalchemy.orm import Session

from backend.storage.store import settling, summaries
from backend.storage.store.many import among
from backend.storage.tables import Experiment, Run

# A minus in front: from the largest to the smallest. "best" is what is ahead in an experiment.
Sort = Literal[
    "name", "-name", "status", "-status", "runs", "-runs", "methods", "-methods", "best", "-best",
    "model", "-model", "author", "-author", "created", "-created",
]  # fmt: skip
SORTS: tuple[str, ...] = get_args(Sort)
# Of experiments whose runs have all ended the database knows it; of others it is computed.
KEPT = "best"


def order(sort: Sort | None) -> list[ColumnElement[Any]]:
    """``ORDER BY`` of a list of experiments; the newest first where nothing is asked for."""
    newest = Experiment.id.desc()
    if sort is None:
        return [newest]
    value = _VALUES[sort.removeprefix("-")]()
    directed = value.desc() if sort.startswith("-") else value.asc()
    return [directed.nulls_last(), newest]


def by_best(session: Session, rows: Sequence[Row[int, int]], sort: Sort) -> list[Row[int, int]]:
    """Rows (id, …) that the database has ordered by what is kept, with those in their places whose
    runs have not all ended: of these it is read from the runs."""
    ids = [row[0] for row in rows]
    found = session.execute(
        select(Experiment.id, Experiment.settled, Experiment.best_value).where(
            among(session, Experiment.id, ids)
        )
    ).all()
    ahead = {key: value for key, settled, value in found if settled and value is not None}
    open_ones = [key for key, settled, _ in found if not settled]
    ahead |= {key: best.value for key, best in settling.read(session, open_ones).items()}
    sign = -1 if sort.startswith("-") else 1
    # Those without a value last, either way.
    return sorted(rows, key=lambda row: (sign * ahead.get(row[0], sign * math.inf), -row[0]))


def _words(column: Any) -> ColumnElement[Any]:
    """Words regardless of capitals; none is no value."""
    return func.nullif(func.lower(column), "")


def _of_runs(value: Any) -> ColumnElement[Any]:
    return select(value).where(Run.experiment_id == Experiment.id).scalar_subquery()


def _status() -> ColumnElement[Any]:
    places = {status: place for place, status in enumerate(summaries.SHOWN)}
    return _of_runs(func.min(case(places, value=Run.status)))


def _first_method() -> ColumnElement[Any]:
    """By the first method: runs are stored in the order of the spec."""
    first = select(func.lower(Run.label)).where(Run.experiment_id == Experiment.id)
    return first.order_by(Run.id).limit(1).scalar_subquery()


_VALUES: dict[str, Callable[[], Any]] = {
    "name": lambda: _words(Experiment.name),
    "status": _status,
    "runs": lambda: Experiment.run_count,
    KEPT: lambda: case((Experiment.settled, Experiment.best_value)),
    "methods": _first_method,
    "model": lambda: _words(Experiment.model),
    "author": lambda: _words(Experiment.author),
    "created": lambda: Experiment.created_at,
}
