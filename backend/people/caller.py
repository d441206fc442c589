"""Who a request comes from, and what they may do with what belongs to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from backend.errors import ForbiddenError
from backend.people import registry
from backend.people.roles import Right, Role, rights
from backend.storage.audience import TEAM, Audience
from backend.storage.tables import Experiment, Person

Way = Literal["here", "session", "token", "proxy", "share"]


@dataclass(frozen=True)
class Caller:
    """Somebody, for one request.

    ``person`` is their number, None for whoever uses a server without accounts and for a share
    link; ``way`` is how they came, ``key`` the number of the sign-in, token or link.
    """

    name: str
    role: Role = "viewer"
    rights: frozenset[Right] = frozenset({"read"})
    person: int | None = None
    way: Way = "here"
    key: int | None = None
    address: str = ""
    audience: Audience = field(default=TEAM)

    @classmethod
    def of(cls, person: Person, way: Way, key: int | None = None, scope: Right = "admin") -> Caller:
        """Somebody with an account; they see what the team does."""
        return cls(person.name, person.role, rights(person.role, scope), person.id, way, key)

    def owner(self, session: Session) -> Person:
        """The person whom what they launch belongs to."""
        found = None if self.person is None else session.get(Person, self.person)
        return registry.named(session, self.name) if found is None else found

    def number(self, session: Session) -> int | None:
        """Whose what they write is; without accounts that of the name, once there is such a
        person."""
        if self.person is not None or self.way != "here":
            return self.person
        found = registry.find(session, self.name)
        return None if found is None else found.id

    def may_change(self, owner: int | None) -> bool:
        """Whether what ``owner`` owns is theirs to change."""
        if self.way == "here" or "admin" in self.rights:
            return True
        return "launch" in self.rights and self.person is not None and self.person == owner

    def check_may_change(self, experiment: Experiment) -> None:
        """Raise ForbiddenError where it is not."""
        if not self.may_change(experiment.owner_id):
            whose = experiment.author or "somebody else"
            raise ForbiddenError(
                f"experiment {experiment.id} belongs to {whose}: only they and administrators "
                "may change it"
            )


def anybody_here(name: str) -> Caller:
    """Whoever uses a server without accounts: it is on this machine's loopback address alone."""
    return Caller(
        name, "administrator", rights("administrator"), audience=Audience(everything=True, me=name)
    )
