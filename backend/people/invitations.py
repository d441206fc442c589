"""Links that work once: for a first administrator, for an account, for a new password.

The secret stands behind ``#`` in the link, which browsers send to nobody: no proxy's log has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from backend.errors import ConflictError, FieldProblem, InvalidError, NotFoundError
from backend.people import names, registry, secrets, sign_ins
from backend.people.roles import Role
from backend.storage.tables import NAMED, Invitation, Person, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# The page's view that takes a link.
PATH = "/invitation"
SETUP_HOURS, RESET_HOURS, INVITE_DAYS = 24, 24, 7


def link(base: str, secret: str) -> str:
    """What is given to whoever is invited."""
    return f"{base}{PATH}#{secret}"


def setup(session: Session) -> str | None:
    """The secret of a new link for the first administrator, the only one of its kind that works;
    None where there is an administrator."""
    query = delete(Invitation).where(Invitation.kind == "setup")
    session.execute(query, execution_options={TOUCHES: NO_EXPERIMENT})
    if registry.has_administrator(session):
        return None
    secret, _ = _make(session, "setup", timedelta(hours=SETUP_HOURS), role="administrator")
    return secret


def invite(
    session: Session, role: Role, days: int = INVITE_DAYS, person: Person | None = None
) -> tuple[str, Invitation]:
    """A link for an account. ``person`` is one who is a name so far: the account is theirs.
    Raises ConflictError where they have one."""
    if person is not None and person.source != NAMED:
        raise ConflictError(f"{person.name} has an account already; allowed: who has none")
    return _make(session, "invite", timedelta(days=days), role=role, person=person)


def reset(session: Session, person: Person) -> tuple[str, Invitation]:
    """A link for a new password. The old one is void from now on, and all that the person was
    signed in with: perhaps it is a stranger who is. Raises ConflictError for one who has no
    password here."""
    if person.source != "local":
        raise ConflictError(f"{person.name} has no password here ({person.source})")
    if person.disabled:
        raise ConflictError(f"{person.name} is disabled; enable the account first")
    person.password = None
    sign_ins.shut_out(session, person.id)
    return _make(session, "reset", timedelta(hours=RESET_HOURS), person=person)


def _make(
    session: Session,
    kind: str,
    holds: timedelta,
    role: Role | None = None,
    person: Person | None = None,
) -> tuple[str, Invitation]:
    secret = secrets.make()
    row = Invitation(
        kind=kind,
        secret=secrets.hashed(secret),
        role=role,
        person_id=None if person is None else person.id,
        expires_at=now() + holds,
    )
    session.add(row)
    session.flush()
    return secret, row


def find(session: Session, secret: str) -> Invitation:
    """The invitation of a link. Raises NotFoundError for one that does not work (any more)."""
    query = select(Invitation).where(Invitation.secret == secrets.hashed(secret))
    row = session.scalars(query).one_or_none()
    if row is None or row.used_at is not None or now() > row.expires_at:
        raise NotFoundError("link", "like this (any more): it was used, has run out, or is another")
    return row


def open_ones(session: Session) -> Sequence[Invitation]:
    """Those that still work, the newest first."""
    query = select(Invitation).where(Invitation.used_at.is_(None), Invitation.expires_at >= now())
    return session.scalars(query.order_by(Invitation.id.desc())).all()


def whose(session: Session, row: Invitation, name: str | None) -> str:
    """The name of the account that a link makes or is about. Raises InvalidError where a link does
    not fit ``name``, or nobody may choose it."""
    person = None if row.person_id is None else session.get(Person, row.person_id)
    if person is not None:
        if name is not None and name != person.name:
            raise _wrong_name(name, f"is not whom the link is for: {person.name}")
        return person.name
    if name is None:
        raise _wrong_name(None, f"is missing; allowed: {names.ALLOWED}")
    known = registry.find(session, name)
    if known is not None and known.source != NAMED:
        raise _wrong_name(name, "is taken; allowed: a name that nobody has here")
    if known is not None and row.kind != "setup":
        raise _wrong_name(
            name,
            "has launched or written something here already: an administrator can invite you as "
            f"{known.name}; allowed: a name that nobody has here",
        )
    return name


def accept(session: Session, row: Invitation, name: str | None, password: str) -> Person:
    """Use a link: the account, whose password's hash is ``password`` from now on.

    Raises InvalidError as :func:`whose`, and ConflictError where an administrator came first.
    """
    named = whose(session, row, name)
    if row.kind == "setup" and registry.has_administrator(session):
        raise ConflictError("there is an administrator by now: ask them for an invitation")
    row.used_at = now()
    if row.kind == "reset":
        person = session.get_one(Person, row.person_id)
    else:
        person = registry.named(session, named)
        person.source, person.role = "local", row.role or "viewer"
    person.password = password
    # Nothing that was given to them before is needed now.
    mine = select(Invitation).where(
        Invitation.id != row.id, Invitation.person_id == person.id, Invitation.used_at.is_(None)
    )
    for other in session.scalars(mine):
        session.delete(other)
    return person


def withdraw(session: Session, key: int) -> bool:
    """Let a link work no more; whether there was one."""
    row = session.get(Invitation, key)
    if row is None or row.used_at is not None:
        return False
    session.delete(row)
    return True


def prune(session: Session) -> None:
    """Forget those that are over; the audit trail has them."""
    over = delete(Invitation).where(
        or_(Invitation.used_at.is_not(None), Invitation.expires_at < now())
    )
    session.execute(over, execution_options={TOUCHES: NO_EXPERIMENT})


def _wrong_name(value: str | None, message: str) -> InvalidError:
    said, _, allowed = message.partition("; allowed: ")
    return InvalidError(FieldProblem("name", message, value=value, allowed=allowed or said))
