"""Lanes as every server sees them, and what a user chose for each.

``open`` takes runs; ``paused`` finishes its run and takes no other; ``drained`` also ends the
worker then, so that the device is free for something else.
"""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.storage.store import changes
from backend.storage.tables import LaneRow
from backend.storage.versions import NO_EXPERIMENT, TOUCHES


def present(session: Session, names: list[str]) -> None:
    """Say which lanes there are; the others are kept with their mode, and come back with it."""
    session.execute(
        update(LaneRow).values(present=False, memory=None, temperature=None),
        execution_options={TOUCHES: NO_EXPERIMENT},
    )
    known = {row.name: row for row in session.scalars(select(LaneRow))}
    for name in names:
        if name in known:
            known[name].present = True
        else:
            session.add(LaneRow(name=name))
    changes.add_lanes(session)


def listed(session: Session) -> list[LaneRow]:
    """The lanes there are, by name."""
    return list(session.scalars(select(LaneRow).where(LaneRow.present).order_by(LaneRow.name)))


def mode(session: Session, name: str) -> str:
    """What a user chose for the lane."""
    row = session.get(LaneRow, name)
    return "open" if row is None else row.mode


def is_open(session: Session, name: str) -> bool:
    """Whether the lane takes runs."""
    return mode(session, name) == "open"


def set_mode(session: Session, name: str, chosen: str) -> LaneRow | None:
    """Choose for a lane; None where there is no such lane."""
    row = session.get(LaneRow, name)
    if row is not None and row.present:
        row.mode = chosen
        changes.add_lanes(session)
        return row
    return None


def measured(session: Session, name: str, memory: int | None, temperature: float | None) -> None:
    """Note what the lane's device measured last."""
    session.execute(
        update(LaneRow).where(LaneRow.name == name).values(memory=memory, temperature=temperature),
        execution_options={TOUCHES: NO_EXPERIMENT},
    )
