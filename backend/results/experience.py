"""What finished runs took, beside what arithmetic says of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from backend.storage.tables import Experiment, Run
from loraone.catalog import TASKS
from loraone.inputs.models import checkpoint
from loraone.inputs.models.checkpoint import Checkpoint
from loraone.runs import cost_estimate
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec import stored
from loraone.spec.experiment import RunSpec

# Finished runs that are looked at, and how many make their median worth more than arithmetic.
LATEST, ENOUGH = 60, 5
# What says nothing of how long a run takes: runs that are alike but for these cost the same.
_INDIFFERENT = {"seed": 0, "learning_rate": 0.001}


@dataclass(frozen=True)
class Experience:
    """What finished runs took over what was said of them: medians, and the range of most."""

    runs: int = 0
    time: float = 1.0
    low: float = 1.0
    high: float = 1.0
    memory: float = 1.0


class Arithmetic:
    """What arithmetic says of stored runs on one device; of runs that cost the same only once."""

    def __init__(self, speed: DeviceBenchmark) -> None:
        self.speed = speed
        self._sizes: dict[str, Checkpoint | None] = {}
        self._costs: dict[str, cost_estimate.Cost | None] = {}

    def cost(self, document: Mapping[str, Any]) -> cost_estimate.Cost | None:
        """None of a run that it can say nothing of."""
        text = json.dumps({**document, **_INDIFFERENT}, sort_keys=True)
        if text not in self._costs:
            self._costs[text] = self._of(text)
        return self._costs[text]

    def _of(self, text: str) -> cost_estimate.Cost | None:
        spec = _spec(text)
        if spec is None or TASKS[spec.task].synthetic:
            return None
        model = spec.model.model_dump_json()
        if model not in self._sizes:
            self._sizes[model] = checkpoint.read(spec.model)
        sizes = self._sizes[model]
        return None if sizes is None else cost_estimate.of_run(spec, sizes, self.speed)


@lru_cache(maxsize=512)
def _spec(text: str) -> RunSpec | None:
    """A stored run's spec, if today's rules accept it. Kept: the queue is asked for again soon."""
    spec = stored.run(json.loads(text))
    return spec.spec if spec.runnable else None


def experience(session: Session, arithmetic: Arithmetic, task: str, model: str) -> Experience:
    """Of the last runs of this task and model that finished on the device. The first run of a
    gradient also pays for it; the median does not see that."""
    times, memories = [], []
    for document, began, ended, summary in _latest(session, task, model, arithmetic.speed.device):
        estimate = arithmetic.cost(document)
        if estimate is None:
            continue
        times.append((ended - began).total_seconds() / estimate.seconds)
        memories.append((summary.get("memory_bytes") or estimate.memory) / estimate.memory)
    if len(times) < ENOUGH:
        return Experience(runs=len(times))
    middle = statistics.median(times)
    tenths = statistics.quantiles(times, n=10)
    return Experience(
        len(times), middle, tenths[0] / middle, tenths[-1] / middle, statistics.median(memories)
    )


def _latest(session: Session, task: str, model: str, device: str) -> list[Any]:
    """Spec, begin, end and summary of the last runs that finished.

    They are looked for in the newest experiments that have any, of which so many always suffice.
    """
    finished = Run.status == "succeeded", Run.device == device[:200]
    newest = (
        select(Experiment.id)
        .where(Experiment.task == task, Experiment.model == model)
        .where(exists().where(Run.experiment_id == Experiment.id, *finished))
        .order_by(Experiment.id.desc())
        .limit(LATEST)
    )
    # By an expression, lest all runs that ended be walked through in the order of their ends.
    end = func.coalesce(Run.finished_at, Run.started_at)
    last = (
        select(Run.id)
        .where(Run.experiment_id.in_(newest), *finished)
        .where(Run.started_at.is_not(None), Run.finished_at.is_not(None))
        .order_by(end.desc(), Run.id.desc())
        .limit(LATEST)
    )
    columns = Run.spec, Run.started_at, Run.finished_at, Run.summary, Run.environment
    rows = session.execute(select(*columns).where(Run.id.in_(last))).all()
    # One that went on from a checkpoint took longer than its last attempt.
    whole = [row for row in rows if "resumed_after_step" not in (row.environment or {})]
    return [row[:4] for row in whole if row.summary is not None]
