"""What a plan will cost on this server: arithmetic, corrected by what finished runs really took."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.results.experience import ENOUGH, Arithmetic, Experience, experience
from backend.scheduling.device_benchmarks import DeviceBenchmarks
from backend.scheduling.jobs import Device
from backend.storage.tables import Experiment, Run, now
from loraone.catalog import TASKS
from loraone.inputs.models import checkpoint
from loraone.runs import cost_estimate
from loraone.runs.cost_estimate import Price
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec.experiment import RunSpec


@dataclass(frozen=True)
class Cost:
    """What runs will take: seconds on all lanes together, bytes of the largest run.

    ``too_large`` are the methods that the device's memory does not hold; ``basis`` says where the
    numbers come from, or why there are none; ``waiting`` that there will be some soon. ``prices``
    are what the time is spent on.
    """

    seconds: float | None
    memory_bytes: float | None
    device: str
    device_memory_bytes: int
    lanes: int
    too_large: Sequence[str]
    basis: str
    waiting: bool = False
    prices: Sequence[Price] = ()

    @classmethod
    def unknown(cls, why: str, *, waiting: bool = False) -> Cost:
        """No numbers, and why."""
        return cls(None, None, "", 0, 0, (), why, waiting)


def cost(
    session: Session,
    specs: Sequence[RunSpec],
    devices: Sequence[Device],
    device_benchmarks: DeviceBenchmarks,
) -> Cost | None:
    """Time on all lanes and memory of the largest run; None for tasks that take no time."""
    if not specs or TASKS[specs[0].task].synthetic:
        return None
    if not devices:
        return Cost.unknown("There is no lane yet that could be measured.")
    device = devices[0]
    speed = device_benchmarks.get(device)
    if speed is None:
        waiting = device_benchmarks.measuring(device)
        sentence = "The device is being measured" if waiting else "The device was not measured"
        return Cost.unknown(f"{sentence}.", waiting=waiting)
    sizes = checkpoint.read(specs[0].model)
    if sizes is None:
        return Cost.unknown("The model is not on this machine yet, so its size is not known.")
    arithmetic = Arithmetic(speed)
    seen = experience(session, arithmetic, specs[0].task, specs[0].model.id)
    estimate = cost_estimate.of_runs(specs, sizes, speed, seen.time, seen.memory)
    return Cost(
        seconds=estimate.seconds / len(devices),
        memory_bytes=estimate.memory,
        device=speed.device,
        device_memory_bytes=speed.memory,
        lanes=len(devices),
        too_large=estimate.too_large,
        basis=_basis(seen),
        prices=[replace(price, seconds=price.seconds / len(devices)) for price in estimate.prices],
    )


def _basis(seen: Experience) -> str:
    if seen.runs < ENOUGH:
        return (
            "From a benchmark of the device; until a few runs have finished here it may be off "
            "by a factor of two."
        )
    return (
        f"From the last {seen.runs} runs of this task and model on this device, which took "
        f"{seen.low:.2g} to {seen.high:.2g} times what such an estimate says."
    )


def remaining(
    session: Session, active: Sequence[Run], speed: DeviceBenchmark | None
) -> dict[int, float | None]:
    """Seconds that each run will take yet: as others of its experiment did, or as estimated."""
    if not active:
        return {}
    took = _took(session, {run.experiment_id for run in active})
    unknown = [run for run in active if run.experiment_id not in took]
    estimated = {} if speed is None else _estimated(session, unknown, Arithmetic(speed))
    left: dict[int, float | None] = {}
    for run in active:
        whole = took.get(run.experiment_id, estimated.get(run.id))
        left[run.id] = None if whole is None else max(whole - _passed(run), 1.0)
    return left


def _passed(run: Run) -> float:
    if run.status != "running" or run.started_at is None:
        return 0.0
    return (now() - run.started_at).total_seconds()


def _took(session: Session, experiment_ids: set[int]) -> dict[int, float]:
    """The median time of each experiment's finished runs."""
    rows = session.execute(
        select(Run.experiment_id, Run.started_at, Run.finished_at).where(
            Run.experiment_id.in_(experiment_ids), Run.status == "succeeded"
        )
    ).all()
    times: dict[int, list[float]] = {}
    for key, began, ended in rows:
        if began is not None and ended is not None:
            times.setdefault(int(key), []).append((ended - began).total_seconds())
    return {key: statistics.median(of_one) for key, of_one in times.items()}


def _estimated(session: Session, active: Sequence[Run], arithmetic: Arithmetic) -> dict[int, float]:
    """Seconds of the runs that arithmetic says something of, each corrected by what runs of its
    task and model took."""
    factors: dict[tuple[str, str], float] = {}
    about = _about(session, {run.experiment_id for run in active})
    seconds = {}
    for run in active:
        estimate = arithmetic.cost(run.spec)
        if estimate is None:
            continue
        task, model = about[run.experiment_id]
        if (task, model) not in factors:
            factors[task, model] = experience(session, arithmetic, task, model).time
        seconds[run.id] = estimate.seconds * factors[task, model]
    return seconds


def _about(session: Session, experiment_ids: set[int]) -> dict[int, tuple[str, str]]:
    """Task and model of each experiment."""
    rows = session.execute(
        select(Experiment.id, Experiment.task, Experiment.model).where(
            Experiment.id.in_(experiment_ids)
        )
    ).all()
    return {int(key): (str(task), str(model)) for key, task, model in rows}
