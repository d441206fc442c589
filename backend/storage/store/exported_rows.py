"""What an exported experiment, its notes and its runs may hold, field by field.

A test compares the fields with the tables' columns.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError, to_json

from backend.storage.store.exported_json import text_problem
from backend.storage.store.results import MAX_NOTE, MAX_NOTES
from backend.storage.tables import STATUSES, now
from loraone.spec.base import Rank, Seed

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
# Clocks of other machines, and of other zones that were taken for UTC, may be ahead by this.
AHEAD = timedelta(days=1)
MAX_LAYERS = 20_000
# Of the names of all layers of a run, in bytes of JSON: a page is sent each of them three times.
MAX_LAYER_NAMES = 800_000


def wrong(message: str, *, at: str = "", allowed: str | None = None) -> PydanticCustomError:
    """An error about a field of a row, or about several together."""
    return PydanticCustomError(
        "exported", "{said}", {"said": message, "at": at, "allowed": allowed}
    )


def _time(value: Any) -> datetime:
    allowed = f"{FIRST:%Y-%m-%d} to tomorrow, with its zone, such as 2026-11-05T12:00:00+00:00"
    try:
        time = datetime.fromisoformat(value)
        known = time.tzinfo is not None and FIRST <= time <= now() + AHEAD
    except (TypeError, ValueError, OverflowError) as error:
        raise wrong("is no time", allowed=allowed) from error
    if not known:
        raise wrong("is no time that a run can have", allowed=allowed)
    return time.astimezone(UTC)


def _text(value: str) -> str:
    if (problem := text_problem(value)) is not None:
        raise wrong(problem)
    return value


def _floats(value: Any) -> bytes:
    try:
        if not isinstance(value, str):
            raise TypeError
        packed = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise wrong("is no base64", allowed="base64 of little-endian float32") from error
    if len(packed) % 4:
        raise wrong(f"has {len(packed)} bytes", allowed="4 bytes for each number")
    return packed


_whole = AfterValidator(_text)
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200), _whole]
Key: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100), _whole]
LayerName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500), _whole]
Word: TypeAlias = Annotated[str, StringConstraints(max_length=100), _whole]
Address: TypeAlias = Annotated[str, StringConstraints(max_length=500), _whole]
Remark: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_NOTE), _whole]
Sentence: TypeAlias = Annotated[str, StringConstraints(max_length=20_000), _whole]
Prose: TypeAlias = Annotated[str, StringConstraints(max_length=100_000), _whole]
Words: TypeAlias = Annotated[str, StringConstraints(max_length=200_000), _whole]
Time: TypeAlias = Annotated[datetime, BeforeValidator(_time)]
Floats: TypeAlias = Annotated[bytes, BeforeValidator(_floats)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Large: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]
Number: TypeAlias = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | float
Numbers: TypeAlias = Annotated[dict[Key, Number], Field(max_length=1000)]
Summary: TypeAlias = Annotated[dict[Key, Number | None], Field(max_length=1000)]


class Row(BaseModel):
    """Base of all rows: nothing unknown, nothing of another type, only finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ExperimentRow(Row):
    """An experiment; its spec is checked by what reads it."""

    name: Name
    description: Prose = ""
    spec: dict[str, Any]
    search_text: Words
    created_at: Time = Field(default_factory=now)
    task: Word = ""
    model: Address = ""
    data: Address = ""
    author: Word = ""
    starred: bool = False
    archived: bool = False


class NoteRow(Row):
    """A version of the notes."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    text: Prose
    author: Word
    created_at: Time = Field(default_factory=now)


class CommentRow(Row):
    """A comment. Whom it mentions are people of the other server, who keep to their names."""

    view: Annotated[str, StringConstraints(max_length=2000), _whole] | None = None
    figure: Annotated[str, StringConstraints(max_length=200), _whole] | None = None
    text: Prose
    author: Word
    created_at: Time = Field(default_factory=now)
    edited_at: Time | None = None


class CommentInPlace(CommentRow):
    """A comment with the run that it is on, counted from 0 among those of the document."""

    run: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


Tag: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40, pattern=r'^[^\s:"]+$', to_lower=True),
    AfterValidator(_text),
]


class ErrorRow(Row):
    """Why a run failed."""

    code: Key
    message: Sentence
    field: Sentence | None = None
    value: Sentence | None = None
    allowed: Sentence | None = None
    hint: Sentence | None = None


Sides: TypeAlias = Annotated[
    list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(max_length=MAX_LAYERS)
]


class LayersRow(Row):
    """The target layers and their shapes."""

    names: Annotated[list[LayerName], Field(min_length=1, max_length=MAX_LAYERS)]
    out_features: Sides
    in_features: Sides

    @model_validator(mode="after")
    def _agree(self) -> LayersRow:
        count = len(self.names)
        for side in ("out_features", "in_features"):
            if len(getattr(self, side)) != count:
                raise wrong(
                    f"has {len(getattr(self, side))} numbers", at=side,
                    allowed=f"one for each of {count} layers",
                )  # fmt: skip
        if len(to_json(self.names)) > MAX_LAYER_NAMES:
            raise wrong(
                "are too long together", at="names", allowed=f"up to {MAX_LAYER_NAMES} bytes"
            )
        if len(set(self.names)) < count:
            raise wrong("names a layer twice", at="names")
        return self


class RunRow(Row):
    """A run: what was asked of it, how it ended, and what is not a table of results."""

    spec: dict[str, Any]
    method: Key
    label: Name
    rank: Rank | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1e6)]
    seed: Seed
    status: Literal[STATUSES] = "queued"  # type: ignore[valid-type]
    attempt: Count = 0
    lost: Count = 0
    done: Count = 0
    total: Count = 0
    reason: Sentence | None = None
    error: ErrorRow | None = None
    queued_at: Time = Field(default_factory=now)
    started_at: Time | None = None
    finished_at: Time | None = None
    environment: dict[str, Any] | None = None
    layers: LayersRow | None = None
    notes: Annotated[list[Remark], Field(max_length=MAX_NOTES)] = []
    init_scalars: Numbers | None = None
    summary: Summary | None = None

    @model_validator(mode="after")
    def _agree(self) -> RunRow:
        if self.status in ("succeeded", "failed"):
            self._check_end()
        if self.status == "cancelled" and self.error is not None:
            raise wrong("a cancelled run has no error", at="error")
        packages = (self.environment or {}).get("packages")
        if packages is not None and not isinstance(packages, dict):
            raise wrong("must be a mapping", at="environment.packages")
        return self

    def _check_end(self) -> None:
        """Of a run that came to its end: it has exactly one outcome, and its times are in order."""
        if self.status == "succeeded" and self.error is not None:
            raise wrong("a run that succeeded has no error", at="error")
        if self.status == "succeeded" and self.summary is None:
            raise wrong("is missing of a run that succeeded", at="summary")
        if self.status == "failed" and self.error is None:
            raise wrong("is missing of a run that failed", at="error")
        if self.status == "failed" and self.summary is not None:
            raise wrong("a run that failed has no summary", at="summary")
        if self.finished_at is None:
            raise wrong(f"is missing of a run that {self.status}", at="finished_at")
        if self.started_at is not None and self.started_at < self.queued_at:
            raise wrong("is before it was queued", at="started_at", allowed=f"{self.queued_at} on")
        if self.finished_at < (self.started_at or self.queued_at):
            raise wrong("is before it was started", at="finished_at")
