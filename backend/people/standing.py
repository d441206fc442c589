"""Whether whoever asks may still, in the transaction that gives them something which lasts.

A request is let in by what was known when it came; meanwhile its sender may have been shut out.
What is made after that, such as a token, would outlive it.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.errors import ForbiddenError, NobodyError
from backend.people.caller import Caller
from backend.storage.tables import AccessToken, Person, SignIn


def check_still(session: Session, caller: Caller) -> None:
    """Raise NobodyError where what the caller has come with holds no more, and ForbiddenError
    where they have another role by now. ``session`` writes, so that it stays so to its end."""
    if caller.person is None:
        return
    person = session.get(Person, caller.person)
    if person is None or person.disabled or not _holds(session, caller):
        raise NobodyError("what this was asked with holds no more: sign in again")
    if person.role != caller.role:
        raise ForbiddenError(f"the role is {person.role} by now: ask again")


def _holds(session: Session, caller: Caller) -> bool:
    if caller.way == "session":
        return session.get(SignIn, caller.key) is not None
    if caller.way == "token":
        return session.get(AccessToken, caller.key) is not None
    return True  # a proxy says so each time
