"""What readers may see: an experiment that is being imported is none before all of it is there."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from backend.storage.tables import IMPORTING, Experiment, Run


def visible(table: type[Experiment] | type[Run]) -> ColumnElement[bool]:
    """What holds of the rows of ``table`` that may be seen; see :mod:`.incoming`.

    The index over runs' status answers it at once while nothing is imported.
    """
    if table is Run:
        return Run.status != IMPORTING
    return Experiment.id.not_in(select(Run.experiment_id).where(Run.status == IMPORTING))
