"""What the routes about people take and answer with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from backend.api.schemas.base import In, Out
from backend.api.schemas.quotas import OwnQuotas, QuotaOut
from backend.people import names
from backend.people.colours import colour
from backend.people.quotas import Quota
from backend.people.roles import Role
from backend.storage.tables import NAMED, Person
from loraone.spec.base import MOST_INT, Text


def _named(name: str) -> str:
    """As it is stored."""
    if (wrong := names.problem(name)) is not None:
        raise PydanticCustomError(
            "person_name", "{wrong}; allowed: {allowed}", {"wrong": wrong, "allowed": names.ALLOWED}
        )
    return names.plain(name)


PersonName = Annotated[
    Text,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": names.MOST}),
]
PersonKey = Annotated[int, Field(ge=1, le=MOST_INT)]
InvitationKind = Literal["setup", "invite", "reset"]


class PersonMoreOut(Out):
    """What administrators see of a person besides. ``source`` says who vouches for them; one that
    is ``named`` is a name alone, which launched or wrote something and cannot sign in.
    ``quotas`` are those that were set for them, ``usage`` is what they use beside what they may."""

    source: Literal["named", "local", "oidc", "proxy"]
    email: str | None
    disabled: bool
    created_at: datetime
    seen_at: datetime | None
    experiments: int
    quotas: OwnQuotas
    usage: list[QuotaOut]


class PersonOut(Out):
    """A person. ``account`` says whether they can sign in; ``more`` is for administrators."""

    id: int
    name: str
    colour: str
    role: Role
    account: bool
    more: PersonMoreOut | None

    @classmethod
    def of(cls, person: Person, experiments: int | None, usage: Sequence[Quota] = ()) -> PersonOut:
        """As administrators see them where ``experiments`` says how many they own."""
        more = experiments is not None and PersonMoreOut(
            source=person.source,
            email=person.email,
            disabled=person.disabled,
            created_at=person.created_at,
            seen_at=person.seen_at,
            experiments=experiments,
            quotas=OwnQuotas.of(person),
            usage=QuotaOut.listed(usage),
        )
        return cls(
            id=person.id,
            name=person.name,
            colour=colour(person.id),
            role=person.role,
            account=person.source != NAMED and not person.disabled,
            more=more or None,
        )


class PersonChange(In):
    """What may be changed of a person; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: PersonName | None = None
    role: Role | None = None
    disabled: bool | None = None
    quotas: Annotated[
        OwnQuotas | None, Field(description="All three; null is what the settings say")
    ] = None


class InvitationIn(In):
    """An invitation to make an account, of a new person or of one who is a name so far."""

    role: Role = "viewer"
    days: Annotated[int, Field(ge=1, le=90, description="How long the link holds")] = 7
    person: Annotated[
        PersonKey | None, Field(description="Whose experiments and notes become the account's")
    ] = None


class InvitationOut(Out):
    """An invitation that was not used yet: what it is for, and whom."""

    id: int
    kind: InvitationKind
    role: Role | None
    person: int | None
    name: str | None
    created_at: datetime
    expires_at: datetime


class LinkOut(Out):
    """What a link is for: a first administrator, an account, or a new password. ``name`` is null
    where whoever follows it chooses one."""

    kind: InvitationKind
    role: Role | None
    name: str | None
    expires_at: datetime


class LinkMadeOut(Out):
    """A link that works once; it is shown now and never again."""

    id: int
    link: str
    expires_at: datetime


class ClaimIn(In):
    """A person who is a name alone."""

    person: Annotated[PersonKey, Field(description="Whose experiments and notes are taken over")]


class ClaimedOut(Out):
    """How many of each have another author now."""

    experiments: int
    notes: int
    views: int
