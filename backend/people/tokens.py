"""Access tokens: what a program comes with in place of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import ConflictError, FieldProblem, ForbiddenError, InvalidError
from backend.people import secrets, standing
from backend.people.caller import Caller
from backend.people.roles import RIGHTS, Right
from backend.storage.tables import AccessToken, now

MOST = 100


def make(
    session: Session, caller: Caller, name: str, scope: Right, days: int | None
) -> tuple[str, AccessToken]:
    """A new one of the caller's, and its secret, which is nowhere else.

    Raises ConflictError where they have no account or too many tokens, ForbiddenError where they
    come with a token themselves (it would outlive it), InvalidError for a scope beyond their role,
    and as :func:`standing.check_still`.
    """
    if caller.person is None:
        raise ConflictError("this server has no accounts (LORAONE_AUTH), so it needs no tokens")
    if caller.way == "token":
        raise ForbiddenError("a token makes no other: sign in on the page, or at the command line")
    standing.check_still(session, caller)
    if scope not in caller.rights:
        may = ", ".join(right for right in RIGHTS if right in caller.rights)
        message = f"is more than the role {caller.role} may; allowed: {may}"
        raise InvalidError(FieldProblem("scope", message, value=scope, allowed=may))
    count = session.scalar(select(func.count()).where(AccessToken.person_id == caller.person)) or 0
    if count >= MOST:
        raise ConflictError(f"there are {count} tokens; allowed: up to {MOST}: delete some")
    secret = secrets.make(secrets.TOKEN)
    row = AccessToken(
        person_id=caller.person,
        name=name,
        scope=scope,
        secret=secrets.hashed(secret),
        expires_at=None if days is None else now() + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    return secret, row


def listed(session: Session, person_id: int) -> Sequence[AccessToken]:
    """Somebody's, the newest first."""
    query = select(AccessToken).where(AccessToken.person_id == person_id)
    return session.scalars(query.order_by(AccessToken.id.desc())).all()


def delete(session: Session, person_id: int | None, key: int) -> bool:
    """Let one of somebody's work no more; whether it was theirs."""
    row = session.get(AccessToken, key)
    if row is None or row.person_id != person_id:
        return False
    session.delete(row)
    return True
