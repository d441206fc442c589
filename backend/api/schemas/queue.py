"""What the routes about queue and lanes answer with."""

from __future__ import annotations

from typing import Literal

from backend.api.schemas.base import Out
from backend.api.schemas.runs import RunOut

# ``open`` takes runs, ``paused`` does not, ``drained`` has let go of its device.
LaneMode = Literal["open", "paused", "drained"]


class LaneOut(Out):
    """A device, the run on it and how long that will take yet; memory in use, °C if known. One
    that is ``busy`` without a run has one that is private to another."""

    name: str
    mode: LaneMode
    busy: bool
    run: RunOut | None
    seconds_left: float | None
    memory_bytes: int | None
    temperature: float | None


class WaitingOut(Out):
    """All runs of an experiment that wait: how many, and between which priorities."""

    experiment: int
    runs: int
    lowest: int
    highest: int


class QueueOut(Out):
    """Lanes, what waits for them in order, and what failed last.

    ``queued`` are the first of ``waiting``; ``waiting_by_experiment`` counts all of them, for the
    experiments whose turn comes first; ``waiting_hidden`` are private to others. ``experiments``
    and ``owners`` have a row for each experiment that is named here. ``out_of_hours`` are those of
    the owners who have had their lane hours of this week: their runs wait until some are over.
    """

    lanes: list[LaneOut]
    queued: list[RunOut]
    waiting: int
    waiting_hidden: int
    waiting_by_experiment: list[WaitingOut]
    failed: list[RunOut]
    seconds_left: float | None
    experiments: dict[int, str]
    owners: dict[int, int | None]
    out_of_hours: list[int]
    notices: list[str]
    last_change: int
