"""Quotas: how much of the machine each person may use, and how much they do.

As on a cluster. Runs that wait and room on the disk are looked at before more is taken in: a launch
beyond them is refused. Hours on lanes come back by themselves within seven days, and what a run
will take is an estimate: so a launch is taken in, and its runs wait for their hours as they do for
a lane. What runs is never stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from backend.errors import FieldProblem, QuotaError
from backend.settings import Settings
from backend.storage.store import usage
from backend.storage.tables import Person

Name = Literal["runs", "disk_gb", "lane_hours"]
# What becomes of a launch beyond it.
Beyond = Literal["refused", "waits"]

_GB = 1e9
_WORDS: Mapping[Name, str] = {
    "runs": "queued runs",
    "disk_gb": "GB on the disk",
    "lane_hours": "lane hours this week",
}
_WAYS: Mapping[Name, str] = {
    "runs": "wait until some have ended, or cancel some",
    "disk_gb": "delete runs or adapters, and empty the bin",
    "lane_hours": "ask an administrator for some",
}


@dataclass(frozen=True)
class Quota:
    """One of a person's: how much they use, how much a launch would add (None: not known), and how
    much they may (None: there is no limit). ``own`` says that it was set for them."""

    name: Name
    used: float
    asked: float | None
    allowed: float | None
    own: bool = False

    @property
    def words(self) -> str:
        """What there is so much of."""
        return _WORDS[self.name]

    @property
    def whose(self) -> str:
        """Where the limit is from."""
        return "set for this person" if self.own else f"LORAONE_QUOTA_{self.name.upper()}"

    @property
    def beyond(self) -> Beyond | None:
        """What becomes of the launch where it is too much."""
        if self.allowed is None:
            return None
        total = self.used + (self.asked or 0)
        if self.name == "runs":
            return "refused" if self.asked and total > self.allowed else None
        if self.name == "disk_gb":
            return "refused" if self.used >= self.allowed or total > self.allowed else None
        if self.allowed == 0:
            return "refused"  # they would wait for ever
        return "waits" if self.used >= self.allowed or total > self.allowed else None

    @property
    def problem(self) -> FieldProblem:
        """Why a launch is refused: the quota, what it would come to, and what is allowed."""
        more = f", and {self.asked:.3g} more are too many" if self.asked else ""
        uses = f"{self.used:.3g} {self.words}{more}"
        return FieldProblem(
            path=f"quota.{self.name}",
            message=f"{uses}; allowed: up to {self.allowed:g} ({self.whose})",
            value=self.used + (self.asked or 0),
            allowed=f"up to {self.allowed:g}",
            hint=_WAYS[self.name],
        )


def of(
    session: Session,
    settings: Settings,
    person_id: int | None,
    *,
    runs: int = 0,
    size: int = 0,
    seconds: float | None = 0,
) -> list[Quota]:
    """All of a person's, with a launch of so many runs, bytes and seconds on lanes. Nobody's own
    are those of whoever launches for the first time."""
    person = None if person_id is None else session.get(Person, person_id)
    key = None if person is None else person.id
    asked: dict[Name, float | None] = {
        "runs": runs,
        "disk_gb": size / _GB,
        "lane_hours": None if seconds is None else seconds / 3600,
    }
    return [
        Quota(name, _used(session, name, key), asked[name], *_allowed(settings, name, person))
        for name in asked
    ]


def of_all(
    session: Session, settings: Settings, people: Iterable[Person]
) -> dict[int, list[Quota]]:
    """Those of several people by their numbers: what everybody uses is asked once."""
    used = usage.by_person(session)
    found = {}
    for person in people:
        theirs = used.get(person.id, usage.Used())
        amounts: dict[Name, float] = {
            "runs": theirs.queued,
            "disk_gb": theirs.bytes / _GB,
            "lane_hours": theirs.lane_hours,
        }
        found[person.id] = [
            Quota(name, amount, 0, *_allowed(settings, name, person))
            for name, amount in amounts.items()
        ]
    return found


def set_own(person: Person, own: Mapping[Name, float | None]) -> str:
    """Set what a person may where that is not what the settings say (None); in words, such as
    ``runs 100, lane hours 20``."""
    for name, value in own.items():
        setattr(person, f"quota_{name}", value)
    words = [
        f"{name.replace('_', ' ')} {value:g}" for name, value in own.items() if value is not None
    ]
    return ", ".join(words) or "those of the settings"


def own(person: Person) -> dict[Name, float | None]:
    """What was set for a person."""
    return {name: getattr(person, f"quota_{name}") for name in _WORDS}


def check(
    session: Session, settings: Settings, person_id: int | None, *, runs: int = 0, size: int = 0
) -> None:
    """Raise QuotaError where more of somebody's is too much. ``session`` writes, so that of two
    launches at once the second knows of the first."""
    person = None if person_id is None else session.get(Person, person_id)
    if person is None:
        return
    asked: dict[Name, float] = {"runs": runs, "disk_gb": size / _GB, "lane_hours": 0}
    if not runs:  # what comes in has run already
        del asked["lane_hours"]
    refused = []
    for name, more in asked.items():
        allowed, own = _allowed(settings, name, person)
        if allowed is None:
            continue
        quota = Quota(name, _used(session, name, person.id), more, allowed, own)
        if quota.beyond == "refused":
            refused.append(quota.problem)
    if refused:
        raise QuotaError(*refused)


def out_of_hours(session: Session, settings: Settings) -> frozenset[int]:
    """Whose runs wait, however many lanes are free."""
    return usage.used_up(session, settings.quota_lane_hours)


def _allowed(settings: Settings, name: Name, person: Person | None) -> tuple[float | None, bool]:
    own = None if person is None else getattr(person, f"quota_{name}")
    return (getattr(settings, f"quota_{name}"), False) if own is None else (own, True)


def _used(session: Session, name: Name, person_id: int | None) -> float:
    if person_id is None:
        return 0
    if name == "runs":
        return usage.queued(session, person_id)
    if name == "disk_gb":
        return usage.stored_bytes(session, person_id) / _GB
    return usage.lane_hours(session, person_id)
