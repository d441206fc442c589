"""Share links: one view of results for whoever has the link, without an account."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import CallerDep, CallersDep, DatabaseDep, Key, Reading
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.shares import SharedOut, ShareIn, ShareMadeOut, ShareOut
from backend.errors import NotFoundError
from backend.people import audit, share_links, standing
from backend.people.caller import Caller
from backend.results import basket
from backend.storage.audience import Shared
from backend.storage.tables import Experiment, Person, ShareLink, now

router = APIRouter(route_class=JsonRoute, tags=["shares"])


@router.post("/shares", status_code=201)
@needs("launch", own=True)
def make(given: ShareIn, caller: CallerDep, database: DatabaseDep) -> ShareMadeOut:
    """Make a link that shows these experiments or runs, of one's own, and nothing else. Its secret
    is said this once: the link is ``/shared#`` and it."""
    share_links.check_view(given.view)
    with database.write() as session:
        standing.check_still(session, caller)
        shows = basket.shared(session, given.of)
        for key in sorted(shows.experiments | shows.of_runs):
            caller.check_may_change(session.get_one(Experiment, key))
        owner = caller.owner(session)
        link, secret = share_links.make(session, owner.id, given.view, shows, given.days)
        audit.note(session, caller, "share link made", f"share link {link.id}", _shown(shows))
        return ShareMadeOut(**_out(link, owner.name).model_dump(), secret=secret)


@router.get("/shares")
@fresh("it is another for everybody")
@needs("read", own=True)
def shares(session: Reading, caller: CallerDep) -> list[ShareOut]:
    """One's own links, the newest first; for administrators everybody's."""
    links = session.scalars(select(ShareLink).order_by(ShareLink.id.desc())).all()
    mine = [link for link in links if _may_end(caller, link)]
    authors = {link.person_id for link in mine} - {None}
    people = select(Person.id, Person.name).where(Person.id.in_(authors))
    named = dict(session.execute(people).tuples().all())
    return [_out(link, named.get(link.person_id or 0, "")) for link in mine]


@router.get("/shared", responses=refuses(404))
@fresh("it is another for every link")
@needs("read", shared=True)
def shared(session: Reading, caller: CallerDep) -> SharedOut:
    """What the link shows that one has come with."""
    link = session.get(ShareLink, caller.key) if caller.way == "share" else None
    if link is None:
        raise NotFoundError("share link", "that this was asked with")
    return SharedOut(view=link.view, author=_author(session, link), expires_at=link.expires_at)


@router.delete("/shares/{share_id}", status_code=204)
@needs("read", own=True, account=True)
def revoke(share_id: Key, caller: CallerDep, callers: CallersDep, database: DatabaseDep) -> None:
    """End a link of one's own now, also as one who makes none any more."""
    with database.write() as session:
        link = session.get(ShareLink, share_id)
        if link is None or not _may_end(caller, link):
            raise NotFoundError("share link", share_id)
        link.revoked_at = link.revoked_at or now()
        audit.note(session, caller, "share link ended", f"share link {share_id}")
    callers.forget()


def _may_end(caller: Caller, link: ShareLink) -> bool:
    """Whether it is the caller's own, also where they make none any more, or theirs to change."""
    own = caller.person is not None and link.person_id == caller.person
    return own or caller.may_change(link.person_id)


def _out(link: ShareLink, author: str) -> ShareOut:
    shows = Shared.of(link.shows)
    return ShareOut(
        id=link.id,
        view=link.view,
        experiments=sorted(shows.experiments | shows.of_runs),
        runs=sorted(shows.runs),
        author=author,
        created_at=link.created_at,
        expires_at=link.expires_at,
        revoked_at=link.revoked_at,
    )


def _shown(shows: Shared) -> str:
    kinds = (("experiment", shows.experiments), ("run", shows.runs))
    return ", ".join(audit.numbered(noun, sorted(keys)) for noun, keys in kinds if keys)


def _author(session: Session, link: ShareLink) -> str:
    person = None if link.person_id is None else session.get(Person, link.person_id)
    return "" if person is None else person.name
