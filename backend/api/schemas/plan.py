"""What a plan answers with: the runs that a launch would queue, and what they will take."""

from __future__ import annotations

from backend.api.schemas.base import Out
from backend.api.schemas.quotas import QuotaOut


class PlannedRun(Out):
    """One run of a plan; ``problem`` says why it would fail, where that can be foreseen."""

    title: str
    label: str
    method: str
    rank: int | None
    learning_rate: float
    seed: int
    problem: str | None


class PriceOut(Out):
    """What all runs together spend on one thing: seconds on all lanes together, and as a multiple
    of what their one-step gradients take.

    ``field`` is the switch that leaves it out or makes it less, and ``switch`` its title; empty
    where there is none.
    """

    label: str
    field: str
    switch: str
    seconds: float
    gradients: float


class CostOut(Out):
    """What runs will take: seconds on all lanes together, bytes of the largest run.

    ``too_large`` are the methods that the device's memory does not hold; ``basis`` says where the
    numbers come from, or why there are none; ``waiting`` that there will be some soon. ``prices``
    are what the time is spent on, from the longest; what takes less than a tenth of the gradients
    is left out.
    """

    seconds: float | None
    memory_bytes: float | None
    device: str
    device_memory_bytes: int
    lanes: int
    too_large: list[str]
    basis: str
    waiting: bool
    prices: list[PriceOut]


class PlanOut(Out):
    """What launching a spec would do, how much of the machine whoever asks uses and would, and the
    same spec in other forms; ``peft`` by method, of the first hundred of them. ``notes`` say what
    of the model no run adapts although it may seem so."""

    runs: list[PlannedRun]
    gradients: int
    notes: list[str]
    cost: CostOut | None
    quotas: list[QuotaOut]
    yaml: str
    command: str
    python: str
    peft: dict[str, str]
