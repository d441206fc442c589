"""Who a session reads for: what they may not see is in none of its answers.

The criteria stand here alone and hold for every SELECT of the ORM, so that no query of a route
can forget them. Whatever is no request, such as the scheduler, sees everything, but for what is in
the bin: nobody sees that who does not look into it (:func:`looking_into_bin`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, event, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.elements import SQLCoreOperations

from backend.storage.tables import BinnedExperiment, BinnedRun, Comment, Experiment, Run


@dataclass(frozen=True)
class Shared:
    """What a share link shows: whole experiments, and single runs with the experiments they are
    of, whose other runs are not there."""

    experiments: frozenset[int]
    runs: frozenset[int] = frozenset()
    of_runs: frozenset[int] = frozenset()

    @classmethod
    def of(cls, document: Mapping[str, Sequence[int]]) -> Shared:
        """What :attr:`document` gave."""
        return cls(**{name: frozenset(document[name]) for name in cls.__dataclass_fields__})

    @property
    def document(self) -> dict[str, list[int]]:
        """As JSON."""
        return {name: sorted(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Audience:
    """What can be seen: everything; or what is not private and what ``person`` owns; or what a
    share link shows alone. ``me`` is the name of whoever asks, for searches that say so.
    """

    everything: bool = False
    person: int | None = None
    only: Shared | None = None
    me: str = ""

    @property
    def name(self) -> str:
        """The same for all who see the same: what answers are kept under."""
        if self.only is not None:
            return f"shared {self.only.document}"
        return "everything" if self.everything else f"person {self.person}"

    @property
    def in_part(self) -> frozenset[int]:
        """Experiments of which it sees some runs and nothing that is about the others too."""
        return frozenset() if self.only is None else self.only.of_runs - self.only.experiments

    @property
    def document(self) -> dict[str, Any]:
        """As JSON, for another process."""
        return {
            "everything": self.everything,
            "person": self.person,
            "only": None if self.only is None else self.only.document,
            "me": self.me,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Audience:
        """What :attr:`document` gave."""
        only = document["only"]
        return cls(**{**document, "only": None if only is None else Shared.of(only)})

    def sees(self, experiment: int | None, *, private: bool, owner: int | None) -> bool:
        """Whether an experiment is in it."""
        if self.only is not None:
            return experiment in self.only.experiments | self.only.of_runs
        return self.everything or not private or (owner is not None and owner == self.person)

    def sees_id(self, column: SQLCoreOperations[int]) -> ColumnElement[bool]:
        """The same of a column with an experiment's number."""
        if self.only is not None:
            return column.in_(sorted(self.only.experiments | self.only.of_runs))
        # Not the mapped class: the criteria would hold in here too.
        table = Experiment.__table__.c
        others: ColumnElement[bool] = table.private
        if self.person is not None:
            others = and_(others, or_(table.owner_id.is_(None), table.owner_id != self.person))
        # Few are private: their index answers it, and the query's own one does the rest.
        return column.not_in(select(table.id).where(others))

    def sees_run(self) -> ColumnElement[bool]:
        """The same of a run."""
        if self.only is not None:
            whole = Run.experiment_id.in_(sorted(self.only.experiments))
            return or_(whole, Run.id.in_(sorted(self.only.runs)))
        return self.sees_id(Run.experiment_id)


EVERYTHING = Audience(everything=True)
TEAM = Audience()

_AUDIENCE: ContextVar[Audience] = ContextVar("audience", default=EVERYTHING)


def audience() -> Audience:
    """Of the request that is being answered."""
    return _AUDIENCE.get()


@contextmanager
def reading_for(audience: Audience) -> Iterator[None]:
    """Sessions in this context, and in threads and tasks that it starts, read for ``audience``."""
    token = _AUDIENCE.set(audience)
    try:
        yield
    finally:
        _AUDIENCE.reset(token)


# Keys of small tables, which are looked up and never listed: a bin that is full slows nothing.
_BINNED = select(BinnedExperiment.experiment_id)
_NOT_IN_BIN = (
    with_loader_criteria(Experiment, Experiment.id.not_in(_BINNED), include_aliases=True),
    with_loader_criteria(
        Run,
        and_(Run.id.not_in(select(BinnedRun.run_id)), Run.experiment_id.not_in(_BINNED)),
        include_aliases=True,
    ),
    with_loader_criteria(Comment, Comment.experiment_id.not_in(_BINNED), include_aliases=True),
)
_IN_BIN_TOO: ContextVar[bool] = ContextVar("in_bin_too", default=False)


@contextmanager
def looking_into_bin() -> Iterator[None]:
    """Sessions in this context also read what is in the bin, of what their audience sees."""
    token = _IN_BIN_TOO.set(True)
    try:
        yield
    finally:
        _IN_BIN_TOO.reset(token)


@event.listens_for(Session, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    if not state.is_select:
        return
    audience = _AUDIENCE.get()
    options = [] if _IN_BIN_TOO.get() else [*_NOT_IN_BIN]
    if not audience.everything:
        options += [
            with_loader_criteria(Experiment, audience.sees_id(Experiment.id), include_aliases=True),
            with_loader_criteria(Run, audience.sees_run(), include_aliases=True),
            with_loader_criteria(
                Comment, audience.sees_id(Comment.experiment_id), include_aliases=True
            ),
        ]
    if options:
        state.statement = state.statement.options(*options)
