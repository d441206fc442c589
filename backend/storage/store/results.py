"""Events become rows here, once each, and only those of the live attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.storage.store import batch, changes, runs
from backend.storage.tables import (
    WARNING,
    AlignmentRow,
    ArtifactRow,
    Base,
    LayerColumn,
    MetricRow,
    OverlapRow,
    Run,
    SpectrumRow,
    now,
)
from loraone.catalog import SCALARS
from loraone.events import (
    Alignment,
    Artifact,
    Event,
    Failed,
    Finished,
    InitReport,
    Layers,
    Metric,
    Note,
    Overlap,
    Progress,
    Resumed,
    Spectra,
    Started,
    UpdateReport,
)

# What a page can show of what a run had to say.
MAX_NOTES, MAX_NOTE = 200, 2000


def pack(values: NDArray[np.float32]) -> bytes:
    """An array as little-endian float32 bytes."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def unpack(data: bytes) -> NDArray[np.float32]:
    """What :func:`pack` wrote, flat; without what is no whole number at the end."""
    return np.frombuffer(data, dtype="<f4", count=len(data) // 4)


def append(
    session: Session, run_id: int, attempt: int, seq: int, event: Event, artifacts: Path
) -> bool:
    """Store one event of an attempt; False where the attempt is not the live one any more.

    An event that was stored already (its ``seq`` is not new) is passed over.
    """
    run = runs.live(session, run_id, attempt)
    if run is None:
        return False
    if seq <= run.last_seq:
        return True
    run.last_seq = seq
    run.heartbeat_at = now()
    _store(session, run, event, artifacts)
    return True


def _store(session: Session, run: Run, event: Event, artifacts: Path) -> None:
    match event:
        case Started():
            run.environment = event.environment
        case Progress():
            began = event.phase != run.phase
            run.phase, run.done, run.total = event.phase, event.done, event.total
            changes.add(session, run, "progress", {"began": True} if began else None)
        case Note():
            if event.warning:
                run.notes = [f"{WARNING}{event.message}"[:MAX_NOTE], *run.notes][:MAX_NOTES]
            elif len(run.notes) < MAX_NOTES:
                run.notes = [*run.notes, event.message[:MAX_NOTE]]
        case Resumed():
            runs.went_on(run, event.step)
            said = f"went on after step {event.step} from the checkpoint of an earlier attempt"
            run.notes = [*run.notes, said]
            run.environment = {**(run.environment or {}), "resumed_after_step": event.step}
        case Layers():
            run.layers = {
                "names": list(event.names),
                "out_features": list(event.out_features),
                "in_features": list(event.in_features),
            }
        case Metric():
            _metric(session, run, event)
        case Spectra():
            _spectrum(session, run, event)
        case Alignment():
            _add(
                session,
                AlignmentRow,
                run,
                step=event.step,
                rank=event.left.shape[1],
                left=pack(event.left),
                right=pack(event.right),
                energy=pack(event.energy),
            )
            changes.add(session, run, "alignment")
        case InitReport():
            run.init_scalars = {**_finite(event.scalars), **_finite(event.chosen)}
            _columns(session, run, event)
            changes.add(session, run, "report")
        case UpdateReport():
            _columns(session, run, event)
            changes.add(session, run, "report")
        case Overlap():
            _add(
                session,
                OverlapRow,
                run,
                step=event.step,
                size=event.left.shape[1],
                left=pack(event.left),
                right=pack(event.right),
            )
            changes.add(session, run, "report")
        case Artifact():
            _add(
                session,
                ArtifactRow,
                run,
                name=event.name,
                path=str(Path(event.path).relative_to(artifacts)),
                bytes=event.bytes,
                max_error=event.max_error,
                verified=event.verified,
            )
        case Finished():
            run.summary = {**dict.fromkeys(event.summary), **_finite(event.summary)}
            runs.finish(session, run, "succeeded")
        case Failed():
            error = {
                "code": event.code,
                "message": event.message,
                "field": event.field,
                "value": event.value,
                "allowed": event.allowed,
                "hint": event.hint,
            }
            runs.finish(session, run, "failed", error=error)


def warn(session: Session, run_id: int, attempt: int, message: str) -> None:
    """A warning from outside the run about this attempt, which may have ended. It takes the place
    of no other where there are too many."""
    run = session.get(Run, run_id)
    if run is None or run.attempt != attempt or len(run.notes) >= MAX_NOTES:
        return
    run.notes = [*run.notes, f"{WARNING}{message}"[:MAX_NOTE]]
    changes.add(session, run, "status")


def _metric(session: Session, run: Run, event: Metric) -> None:
    values = _finite(event.values)  # NaN would be NULL, which no metric is
    for name, value in values.items():
        _add(
            session,
            MetricRow,
            run,
            name=name,
            step=event.step,
            value=value,
            seconds=event.seconds,
            tokens=event.tokens,
        )
    changes.add(session, run, "metric", {"step": event.step, **values})


def _spectrum(session: Session, run: Run, event: Spectra) -> None:
    assert run.layers is not None, "a run names its layers before their spectra"
    _add(
        session,
        SpectrumRow,
        run,
        quantity=event.quantity,
        layer=run.layers["names"].index(event.layer),
        length=len(event.values),
        values=pack(event.values),
        **{name: event.scalars.get(name) for name in SCALARS},
        known=event.known,
        effective_rank_error=event.effective_rank_error,
    )


def _columns(session: Session, run: Run, event: InitReport | UpdateReport) -> None:
    for name, values in event.layers.items():
        _add(session, LayerColumn, run, name=name, values=pack(values))


def _add(session: Session, table: type[Base], run: Run, **values: Any) -> None:
    batch.add(session, table, run.experiment_id, run_id=run.id, **values)


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Without what JSON has no word for."""
    return {
        name: value for name, value in values.items() if value is not None and math.isfinite(value)
    }
