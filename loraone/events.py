"""What a run yields, in the order in which it happens.

``Started → Progress* → Layers → Spectra* → InitReport → (Metric | Alignment | Overlap | Progress)*
→ Spectra* → UpdateReport → Artifact* → Finished``, or ``Failed`` at any point. Events are plain
frozen data, arrays are numpy; :func:`to_json` and :func:`from_json` carry them through JSONL
without loss.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

VERSION = 1

Float32Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Started:
    """The run began; ``environment`` holds what is needed to repeat it."""

    kind: ClassVar[str] = "started"
    environment: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far the current phase is: ``done`` of ``total`` units."""

    kind: ClassVar[str] = "progress"
    phase: str
    done: int
    total: int
    message: str = ""


@dataclass(frozen=True)
class Note:
    """Something a reader of the results should know, such as a rank-deficient gradient."""

    kind: ClassVar[str] = "note"
    message: str


@dataclass(frozen=True)
class Layers:
    """The target layers in model order; shapes give the random baselines r/m and r/n."""

    kind: ClassVar[str] = "layers"
    names: tuple[str, ...]
    out_features: tuple[int, ...]
    in_features: tuple[int, ...]


@dataclass(frozen=True)
class Metric:
    """Scalars measured at a step; ``seconds`` of training time and ``tokens`` seen so far."""

    kind: ClassVar[str] = "metric"
    step: int
    values: dict[str, float]
    seconds: float
    tokens: int


@dataclass(frozen=True)
class Spectra:
    """Singular values, descending, of one quantity of one layer, with their scalars."""

    kind: ClassVar[str] = "spectra"
    layer: str
    quantity: str
    values: Float32Array
    scalars: dict[str, float | None]


@dataclass(frozen=True)
class Alignment:
    """Principal angles (radians, ascending) of all layers at one step, shape (layers, r).

    ``left`` compares span(lora_B) with U_r of the gradient, ``right`` span(lora_Aᵀ) with V_r. A
    row of NaN means that the factor is zero and has no direction. Angles rather than cosines are
    kept because float32 cosines cannot tell an angle of 1e-4 from zero. ``energy`` is the
    captured share of ‖G_r‖_F², shape (layers,).
    """

    kind: ClassVar[str] = "alignment"
    step: int
    left: Float32Array
    right: Float32Array
    energy: Float32Array


@dataclass(frozen=True)
class Overlap:
    """(Q_bᵀ U_a)² between single directions, shape (layers, k, k) with k up to 64; a over rows.

    U are the gradient's singular vectors in order, Q those of s·B·A; ``left`` on the out side,
    ``right`` on the in side. NaN where there is no such direction.
    """

    kind: ClassVar[str] = "overlap"
    step: int
    left: Float32Array
    right: Float32Array


@dataclass(frozen=True)
class UpdateReport:
    """What training did to every layer: ``layers`` maps a column to one value per layer."""

    kind: ClassVar[str] = "update_report"
    layers: dict[str, Float32Array]


@dataclass(frozen=True)
class InitReport:
    """What the initialisation did before any training.

    ``layers`` maps a column (``norm``, ``relative``, ``base_change``, …) to one value per layer;
    ``scalars`` has the losses before and after, the largest logit change, and the largest logit
    difference to the original model with the adapter switched off.
    """

    kind: ClassVar[str] = "init_report"
    layers: dict[str, Float32Array]
    scalars: dict[str, float]
    chosen: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A file or folder the run wrote; ``max_error`` is the logit difference on reading it back."""

    kind: ClassVar[str] = "artifact"
    name: str
    path: str
    bytes: int
    max_error: float
    verified: bool


@dataclass(frozen=True)
class Finished:
    """The run succeeded; ``summary`` holds its final numbers."""

    kind: ClassVar[str] = "finished"
    summary: dict[str, float | None]


@dataclass(frozen=True)
class Failed:
    """The run stopped; the fields are those of :class:`loraone.errors.LoraOneError`."""

    kind: ClassVar[str] = "failed"
    code: str
    message: str
    field: str | None = None
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None


Event: TypeAlias = (
    Started
    | Progress
    | Note
    | Layers
    | Metric
    | Spectra
    | Alignment
    | InitReport
    | Overlap
    | UpdateReport
    | Artifact
    | Finished
    | Failed
)

KINDS: dict[str, type[Any]] = {
    cls.kind: cls
    for cls in (
        Started,
        Progress,
        Note,
        Layers,
        Metric,
        Spectra,
        Alignment,
        InitReport,
        Overlap,
        UpdateReport,
        Artifact,
        Finished,
        Failed,
    )
}


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, dtype="<f4")
        return {
            "dtype": "<f4",
            "shape": list(array.shape),
            "data": base64.b64encode(array.tobytes()).decode("ascii"),
        }
    if isinstance(value, dict):
        return {key: _pack(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_pack(item) for item in value]
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"dtype", "shape", "data"}:
            flat = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
            return flat.reshape(value["shape"])
        return {key: _unpack(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_unpack(item) for item in value)
    return value


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON-able data; arrays become base64 of little-endian float32."""
    body = {f.name: _pack(getattr(event, f.name)) for f in fields(event)}
    return {"version": VERSION, "kind": event.kind, **body}


def from_json(data: dict[str, Any]) -> Event:
    """The event that :func:`to_json` wrote.

    Raises ValueError for a kind or a version that this release does not know.
    """
    version, kind = data.get("version"), data.get("kind")
    if version != VERSION:
        raise ValueError(f"event version {version!r} is not known; this release reads {VERSION}")
    if kind not in KINDS:
        raise ValueError(f"event kind {kind!r} is not known; known: {', '.join(KINDS)}")
    body = {key: _unpack(item) for key, item in data.items() if key not in ("version", "kind")}
    event: Event = KINDS[kind](**body)
    return event
