"""What a run yields, in the order in which it happens.

``Started → Progress* → Layers → Spectra* → InitReport → (Metric | Alignment | Overlap | Progress)*
→ Spectra* → UpdateReport → Artifact* → Finished``, or ``Failed`` at any point. A run that goes on
from a checkpoint says ``Resumed`` after its layers, and then again all that was said up to there.
Events are plain frozen data, arrays are numpy; :func:`to_json` and :func:`from_json` carry them
through JSONL without loss: tuples, lists, arrays, whole numbers and fractions come back as what
they were.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, PlainSerializer, PlainValidator, TypeAdapter

VERSION = 1
_DTYPE = "<f4"


def _pack(array: NDArray[np.float32]) -> dict[str, Any]:
    """The array as JSON-able data: base64 of its bytes, row by row."""
    data = base64.b64encode(np.asarray(array, dtype=_DTYPE).tobytes()).decode("ascii")
    return {"dtype": _DTYPE, "shape": list(array.shape), "data": data}


def _unpack(packed: Any) -> NDArray[np.float32]:
    """What :func:`_pack` was given, bit for bit."""
    flat = np.frombuffer(base64.b64decode(packed["data"]), dtype=packed["dtype"])
    return flat.reshape(packed["shape"])


Float32Array: TypeAlias = Annotated[
    NDArray[np.float32], PlainValidator(_unpack), PlainSerializer(_pack)
]
# A count stays a count on its way through JSON.
Number: TypeAlias = int | float


@dataclass(frozen=True)
class Started:
    """The run began; ``environment`` holds what is needed to repeat it, as JSON data."""

    kind: ClassVar[str] = "started"
    environment: dict[str, JsonValue]


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
    """Something a reader of the results should know, such as a rank-deficient gradient.

    With ``warning`` one of the run's results is not what it is expected to be.
    """

    kind: ClassVar[str] = "note"
    message: str
    warning: bool = False


@dataclass(frozen=True)
class Resumed:
    """The run goes on after ``step``, from a checkpoint of an earlier attempt.

    The next ``repeated`` events are those of that attempt, so that one stream tells all of the run.
    """

    kind: ClassVar[str] = "resumed"
    step: int
    repeated: int


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
    values: dict[str, Number]
    seconds: float
    tokens: int


@dataclass(frozen=True)
class Spectra:
    """Singular values, descending, of one quantity of one layer, with their scalars.

    With ``known`` the values after the first so many are estimates, and ``effective_rank_error`` is
    the standard error of what is taken from them; None where nothing is estimated.
    """

    kind: ClassVar[str] = "spectra"
    layer: str
    quantity: str
    values: Float32Array
    scalars: dict[str, Number | None]
    known: int | None = None
    effective_rank_error: float | None = None


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
    scalars: dict[str, Number]
    chosen: dict[str, Number] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A file or folder the run wrote.

    ``verified`` says that it was read back and found the same before this was said; ``max_error``
    is the largest difference that was seen: of logits for an adapter, of entries for tensors. Where
    it is more than rounding explains the run is kept unverified, and a warning says so.
    """

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
    summary: dict[str, Number | None]


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
    | Resumed
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

KINDS: dict[str, type[Any]] = {cls.kind: cls for cls in get_args(Event)}

_ADAPTERS: dict[str, TypeAdapter[Event]] = {kind: TypeAdapter(cls) for kind, cls in KINDS.items()}


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON-able data; arrays become base64 of little-endian float32."""
    body = _ADAPTERS[event.kind].dump_python(event, mode="json")
    return {"version": VERSION, "kind": event.kind, **body}


def from_json(data: dict[str, Any]) -> Event:
    """The event that :func:`to_json` wrote.

    Raises ValueError for a kind or a version that this release does not know, and where a field
    is missing or is not what it should be.
    """
    version, kind = data.get("version"), data.get("kind")
    if version != VERSION:
        raise ValueError(f"event version {version!r} is not known; this release reads {VERSION}")
    if kind not in KINDS:
        raise ValueError(f"event kind {kind!r} is not known; known: {', '.join(KINDS)}")
    body = {key: value for key, value in data.items() if key not in ("version", "kind")}
    return _ADAPTERS[kind].validate_python(body)
