"""Links that somebody was given, and those that administrators have made."""

from __future__ import annotations

from fastapi import APIRouter, Request

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.cookies import SessionCookieDep
from backend.api.deps import (
    CallerDep,
    CallersDep,
    DatabaseDep,
    FeedDep,
    Key,
    PasswordsDep,
    Reading,
    SettingsDep,
)
from backend.api.kept import fresh
from backend.api.rights import needs, open_to_all
from backend.api.schemas.people import InvitationIn, InvitationOut, LinkMadeOut, LinkOut
from backend.api.schemas.sign_in import AcceptIn, LinkIn, MeOut
from backend.api.sign_in import check_local, signed_in
from backend.errors import NotFoundError
from backend.people import audit, invitations, passwords, sign_ins, standing
from backend.settings import Settings
from backend.storage.tables import Invitation, Person

router = APIRouter(route_class=JsonRoute, tags=["people"])


@router.post("/invitations/look", responses=refuses(404))
@open_to_all("whoever was given a link has no account yet")
def look(given: LinkIn, session: Reading) -> LinkOut:
    """What a link is for."""
    row = invitations.find(session, given.secret.get_secret_value())
    person = None if row.person_id is None else session.get(Person, row.person_id)
    return LinkOut(
        kind=row.kind,
        role=row.role,
        name=None if person is None else person.name,
        expires_at=row.expires_at,
    )


@router.post("/invitations/accept", responses=refuses(404, 409, 429))
@open_to_all("whoever was given a link has no account yet")
def accept(
    given: AcceptIn,
    cookie: SessionCookieDep,
    callers: CallersDep,
    database: DatabaseDep,
    hashes: PasswordsDep,
    settings: SettingsDep,
) -> MeOut:
    """Make the account, or set the new password, and sign in."""
    check_local(settings)
    secret, password = given.secret.get_secret_value(), given.password.get_secret_value()
    with database.read() as session:
        row = invitations.find(session, secret)
        passwords.check_new(password, invitations.whose(session, row, given.name))
    hashed = hashes.hash(password)
    with database.write() as session:
        row = invitations.find(session, secret)
        person = invitations.accept(session, row, given.name, hashed)
        cookie_secret = sign_ins.begin(session, settings, person, cookie.address, cookie.browser)
        whoever = audit.of_person(person, cookie.address)
        made: audit.Action = "password set" if row.kind == "reset" else "account made"
        audit.note(session, whoever, made, audit.whom(person), person.role)
        audit.note(session, whoever, "sign-in")
        answer = signed_in(settings, person)
    callers.forget()
    cookie.give(cookie_secret)
    return answer


@router.get("/invitations")
@fresh("they run out by themselves")
@needs("admin")
def list_invitations(session: Reading) -> list[InvitationOut]:
    """The links that still work, the newest first; not what they are."""
    return [
        _out(row, session.get(Person, row.person_id or 0)) for row in invitations.open_ones(session)
    ]


def _out(row: Invitation, person: Person | None) -> InvitationOut:
    return InvitationOut(
        id=row.id,
        kind=row.kind,
        role=row.role,
        person=row.person_id,
        name=None if person is None else person.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


@router.delete("/invitations/{invitation_id}", status_code=204)
@needs("admin")
def withdraw(invitation_id: Key, caller: CallerDep, database: DatabaseDep) -> None:
    """Let a link work no more."""
    with database.write() as session:
        if not invitations.withdraw(session, invitation_id):
            raise NotFoundError("invitation", invitation_id)
        audit.note(session, caller, "link withdrawn", f"invitation {invitation_id}")


@router.post("/people/invite", status_code=201, responses=refuses(404, 409))
@needs("admin", account=True)
def invite(
    given: InvitationIn,
    request: Request,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> LinkMadeOut:
    """A link by which somebody makes an account."""
    check_local(settings)
    with database.write() as session:
        standing.check_still(session, caller)
        person = None if given.person is None else session.get(Person, given.person)
        if given.person is not None and person is None:
            raise NotFoundError("person", given.person)
        invitations.prune(session)
        secret, row = invitations.invite(session, given.role, given.days, person)
        audit.note(session, caller, "link made", f"invitation {row.id}", given.role)
        return _made(settings, request, secret, row)


@router.post("/people/{person_id}/reset", status_code=201, responses=refuses(409))
@needs("admin", account=True)
def reset(
    person_id: Key,
    request: Request,
    caller: CallerDep,
    callers: CallersDep,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> LinkMadeOut:
    """A link by which a person sets a new password; the old one is void, and all their sessions
    and tokens end."""
    check_local(settings)
    with database.write() as session:
        standing.check_still(session, caller)
        person = session.get(Person, person_id)
        if person is None:
            raise NotFoundError("person", person_id)
        secret, row = invitations.reset(session, person)
        audit.note(session, caller, "link made", audit.whom(person), "reset")
        made = _made(settings, request, secret, row)
    callers.forget()
    feed.wake()  # their streams end
    return made


def _made(settings: Settings, request: Request, secret: str, row: Invitation) -> LinkMadeOut:
    # Without a public address, the one that the administrator has come by.
    base = settings.public_url or f"http://{request.headers['host']}"
    return LinkMadeOut(id=row.id, link=invitations.link(base, secret), expires_at=row.expires_at)
