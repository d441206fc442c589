"""What the routes about whoever asks take and answer with: who they are, and how they sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from backend.api.schemas.base import In, Out
from backend.api.schemas.people import PersonName
from backend.people.caller import Caller, Way
from backend.people.colours import colour
from backend.people.passwords import LONGEST
from backend.people.roles import RIGHTS, Right, Role
from backend.settings import AuthMode
from backend.storage.tables import Person

# A new one is looked at more closely than a field can say (:mod:`backend.people.passwords`).
Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]
LinkSecret = Annotated[
    SecretStr, Field(min_length=1, max_length=100, description="What stands in the link after #")
]


class CallerOut(Out):
    """Whoever asks. ``id`` is null for one who uses a server without accounts before they launched
    anything, and for a share link; ``password`` says whether they have one here."""

    id: int | None
    name: str
    role: Role
    rights: list[Right]
    way: Way
    colour: str
    password: bool

    @classmethod
    def of(cls, caller: Caller, person: Person | None) -> CallerOut:
        """``person`` is who the caller is, as they are stored."""
        person_id = caller.person if person is None else person.id
        return cls(
            id=person_id,
            name=caller.name,
            role=caller.role,
            rights=[right for right in RIGHTS if right in caller.rights],
            way=caller.way,
            colour=colour(person_id),
            password=person is not None and person.password is not None,
        )


class MeOut(Out):
    """Who asks, null where nobody has signed in, and how people come to this server.

    ``button`` is what the identity provider's button says, null where there is none.
    """

    person: CallerOut | None
    auth: AuthMode
    sign_in_needed: bool
    administrator_exists: bool
    public_url: str | None
    button: str | None


class SignInIn(In):
    """A name and its password."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Password


class SignInOut(Out):
    """A browser in which one is signed in; ``here`` is the one that asks."""

    id: int
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    address: str
    browser: str
    here: bool


class PasswordIn(In):
    """The password that one has, and the one to have from now on."""

    current: Password
    new: Password


class NameIn(In):
    """What one is called from now on."""

    name: PersonName


class LinkIn(In):
    """A link that somebody was given."""

    secret: LinkSecret


class AcceptIn(LinkIn):
    """What makes the account of an invitation. ``name`` is left out where the link says whose it
    is already."""

    name: PersonName | None = None
    password: Password
