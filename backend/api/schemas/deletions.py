"""What the routes about the bin and about storage take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from backend.api.schemas.base import In, Out
from backend.storage.store.sizes import Size
from backend.storage.tables.bin import Kind
from loraone.spec.base import MOST_INT, at_most

Id = Annotated[int, Field(ge=1, le=MOST_INT)]
MOST = 1000


class SizeOut(Out):
    """In bytes: rows of the database (an estimate), files of runs, and their logs."""

    rows: int
    files: int
    logs: int
    total: int

    @classmethod
    def of(cls, size: Size) -> SizeOut:
        """The same as an answer."""
        return cls(**size.document, total=size.rows + size.files + size.logs)


class SelectedOut(Out):
    """What would be deleted: runs, of which some run and some wait; and what that frees."""

    runs: int
    running: list[int]
    queued: int
    size: SizeOut


class ExperimentIds(In):
    """Several experiments."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST), at_most(MOST, "experiments")]


class DeletionIds(In):
    """Several deletions, as they are numbered in the bin."""

    model_config = ConfigDict(extra="forbid")

    deletions: Annotated[list[Id], Field(min_length=1, max_length=MOST), at_most(MOST, "deletions")]


class DeletedOut(Out):
    """What was put into the bin: by ``deletions`` it is restored. ``size`` is what is freed when
    the bin is emptied, at the latest after ``until``."""

    deletions: list[int]
    experiments: int
    runs: int
    size: SizeOut
    until: datetime


class BinnedOut(Out):
    """What somebody deleted at once of one experiment."""

    id: int
    kind: Kind
    experiment_id: int
    experiment: str
    owner: int | None
    runs: int
    deleted_by: str
    deleted_at: datetime
    until: datetime
    size: SizeOut
    trouble: str | None


class BinOut(Out):
    """One's own deletions, for administrators everybody's; the newest first."""

    days: float
    deletions: list[BinnedOut]
    size: SizeOut


class RestoredOut(Out):
    """The experiments that are whole again, or have runs or adapters again."""

    experiments: list[int]


class EmptiedOut(Out):
    """What was freed, in bytes. ``database`` is what its file gave back: ``kept`` says why that may
    be less than the rows took; ``trouble`` what could not be removed and is tried again; and what
    was not done in time ``goes_on``."""

    runs: int
    files: int
    logs: int
    database: int
    kept: str
    trouble: list[str]
    goes_on: bool


class FreeIn(ExperimentIds):
    """Experiments whose adapters are freed, all of whose numbers stay; ``now``: not by way of the
    bin, so that nothing comes back and the disk has the room at once."""

    now: bool = False


class FreedOut(DeletedOut):
    """What was put into the bin, or removed at once."""

    emptied: EmptiedOut | None


class StoredExperimentOut(Out):
    """An experiment and what the files of its runs take; ``adapters`` can be freed alone."""

    id: int
    name: str
    author: str
    owner: int | None
    created_at: datetime
    runs: int
    bytes: int
    adapters: int


class StorageOut(Out):
    """The experiments with the largest files, and what all that fit take."""

    experiments: list[StoredExperimentOut]
    total: int
    bytes: int
    adapters: int


What = Literal["runs", "adapters"]
