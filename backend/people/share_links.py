"""Share links: made of a view, found by their secret, ended."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError
from backend.people import secrets
from backend.people.caller import Caller
from backend.people.roles import rights
from backend.storage.audience import Audience, Shared
from backend.storage.tables import Person, ShareLink, now

# A path of the page with a search; nothing that a browser takes for another site.
_VIEW = re.compile(r"/(?:experiments/[1-9]\d{0,9}|compare)(?:\?[!-~]*)?")
ALLOWED = "/experiments/<number> or /compare, with the search of the page's address"


def check_view(view: str) -> None:
    """Raise InvalidError for what is no view of results of this page."""
    if not _VIEW.fullmatch(view):
        problem = FieldProblem("view", "is no address of a view of results", view, ALLOWED)
        raise InvalidError(problem)


def make(
    session: Session, person: int | None, view: str, shows: Shared, days: float
) -> tuple[ShareLink, str]:
    """A link and its secret, which is nowhere else."""
    secret = secrets.make()
    link = ShareLink(
        person_id=person,
        secret=secrets.hashed(secret),
        view=view,
        shows=shows.document,
        expires_at=now() + timedelta(days=days),
    )
    session.add(link)
    session.flush()
    return link, secret


def caller(session: Session, key: str) -> Caller | None:
    """Who comes with the link whose secret has this hash; None where it opens nothing (any more).
    What somebody has shared ends with their account, and with their right to share it."""
    link = session.scalars(select(ShareLink).where(ShareLink.secret == key)).one_or_none()
    if link is None or link.revoked_at is not None or now() > link.expires_at:
        return None
    author = None if link.person_id is None else session.get(Person, link.person_id)
    if author is not None and (author.disabled or "launch" not in rights(author.role)):
        return None
    return Caller(
        "a share link",
        way="share",
        key=link.id,
        audience=Audience(only=Shared.of(link.shows)),
    )


def end_of(session: Session, experiment: int) -> None:
    """End the links that show an experiment, or runs of it: it is not their author's any more."""
    links = session.scalars(select(ShareLink).where(ShareLink.revoked_at.is_(None))).all()
    for link in links:
        shows = Shared.of(link.shows)
        if experiment in shows.experiments | shows.of_runs:
            link.revoked_at = now()
