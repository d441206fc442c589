"""What a plan will cost on this server: arithmetic, corrected by what finished runs really took."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.scheduling.device_benchmarks import DeviceBenchmarks
from backend.scheduling.jobs import Device
from backend.storage.tables import Run, now
from loraone.catalog import TASKS
from loraone.inputs.models import checkpoint
from loraone.runs import cost_estimate
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec import stored
from loraone.spec.experiment import RunSpec

# Finished runs that are looked at, and how many make their median worth more than arithmetic.
LATEST, ENOUGH = 60, 5


@dataclass(frozen=True)
class Experience:
    """What finished runs took over what was said of them: medians, and the range of most."""

    runs: int = 0
    time: float = 1.0
    low: float = 1.0
    high: float = 1.0
    memory: float = 1.0


@dataclass(frozen=True)
class Cost:
    """What runs will take: seconds on all lanes together, bytes of the largest run.

    ``too_large`` are the methods that the device's memory does not hold; ``basis`` says where the
    numbers come from, or why there are none; ``waiting`` that there will be some soon.
    """

    seconds: float | None
    memory_bytes: float | None
    device: str
    device_memory_bytes: int
    lanes: int
    too_large: Sequence[str]
    basis: str
    waiting: bool = False

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
    seen = experience(session, speed)
    estimate = cost_estimate.of_runs(specs, sizes, speed, seen.time, seen.memory)
    return Cost(
        seconds=estimate.seconds / len(devices),
        memory_bytes=estimate.memory,
        device=speed.device,
        device_memory_bytes=speed.memory,
        lanes=len(devices),
        too_large=estimate.too_large,
        basis=_basis(seen),
    )


def _basis(seen: Experience) -> str:
    if seen.runs < ENOUGH:
        return (
            "From a benchmark of the device; until a few runs have finished here it may be off "
            "by a factor of two."
        )
    return (
        f"From the last {seen.runs} runs on this device, which took {seen.low:.2g} to "
        f"{seen.high:.2g} times what such an estimate says."
    )


def experience(session: Session, speed: DeviceBenchmark) -> Experience:
    """Of the last finished runs on this device. The first run of a gradient also pays for it; the
    median does not see that."""
    rows = session.scalars(
        select(Run)
        .where(Run.status == "succeeded", Run.started_at.is_not(None))
        .order_by(Run.finished_at.desc())
        .limit(LATEST)
    )
    times, memories = [], []
    for run in rows:
        if (run.environment or {}).get("device") != speed.device or run.summary is None:
            continue
        estimate = _arithmetic(run, speed)
        if estimate is None or run.started_at is None or run.finished_at is None:
            continue
        times.append((run.finished_at - run.started_at).total_seconds() / estimate.seconds)
        memories.append((run.summary.get("memory_bytes") or estimate.memory) / estimate.memory)
    if len(times) < ENOUGH:
        return Experience(runs=len(times))
    middle = statistics.median(times)
    tenths = statistics.quantiles(times, n=10)
    return Experience(
        len(times), middle, tenths[0] / middle, tenths[-1] / middle, statistics.median(memories)
    )


def remaining(
    session: Session, active: Sequence[Run], speed: DeviceBenchmark | None
) -> dict[int, float | None]:
    """Seconds that each run will take yet: as others of its experiment did, or as estimated."""
    took = _took(session, {run.experiment_id for run in active})
    factor: float | None = None
    left: dict[int, float | None] = {}
    for run in active:
        whole = took.get(run.experiment_id)
        if whole is None and speed is not None:
            factor = experience(session, speed).time if factor is None else factor
            whole = _estimated(run, speed, factor)
        if whole is None:
            left[run.id] = None
            continue
        left[run.id] = max(whole - _passed(run), 1.0)
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


def _estimated(run: Run, speed: DeviceBenchmark, factor: float) -> float | None:
    estimate = _arithmetic(run, speed)
    return None if estimate is None else estimate.seconds * factor


def _arithmetic(run: Run, speed: DeviceBenchmark) -> cost_estimate.Cost | None:
    """What arithmetic says of a stored run; None of one that it can say nothing of."""
    spec = stored.run(run.spec)
    if not spec.runnable or TASKS[spec.spec.task].synthetic:
        return None
    sizes = checkpoint.read(spec.spec.model)
    return None if sizes is None else cost_estimate.of_run(spec.spec, sizes, speed)
