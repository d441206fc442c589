"""What the command line does with people; a server may run beside it, and knows it in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from backend.cli.offline import StoredError, opened
from backend.errors import RefusedError
from backend.people import audit, changing, invitations, names, passwords, quotas, registry
from backend.people.caller import Caller
from backend.people.roles import Role
from backend.settings import Settings
from backend.storage.database_file import database_file
from backend.storage.tables import NAMED, Person


@dataclass(frozen=True)
class Row:
    """A person as they are listed."""

    name: str
    role: str
    account: str
    experiments: int
    seen: datetime | None


class Desk:
    """One command's work on people; what it changes is in the audit trail as done here."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._caller: Caller = audit.at_console(settings.user)

    def find(self, name: str) -> Person:
        """Somebody by their name. Raises StoredError where nobody has it."""
        person = registry.find(self._session, names.plain(name))
        if person is None:
            there = ", ".join(person.name for person, _ in registry.everybody(self._session)[:20])
            raise StoredError(f"there is nobody named {name!r}; there are: {there or 'none'}")
        return person

    def invite(self, name: str, role: Role, days: int) -> str:
        """A link by which somebody of this name makes an account."""
        person = registry.named(self._session, _checked(name))
        secret, row = invitations.invite(self._session, role, days, person)
        self._note("link made", f"invitation {row.id}", role)
        return self._link(secret)

    def check_new(self, name: str, password: str | None = None) -> None:
        """Raise StoredError where somebody of this name has an account, and for a password that
        they should not have."""
        known = registry.find(self._session, _checked(name))
        if known is not None and known.source != NAMED:
            raise StoredError(f"{known.name} has an account already; allowed: who has none")
        if password is not None:
            passwords.check_new(password, name)

    def add(self, name: str, role: Role, password: str) -> None:
        """An account with a password."""
        self.check_new(name, password)
        hashed = passwords.Passwords().hash(password)
        person = registry.named(self._session, _checked(name))
        person.source, person.role, person.password = "local", role, hashed
        self._note("account made", audit.whom(person), role)

    def listed(self) -> list[Row]:
        """Everybody by name."""
        return [
            Row(person.name, _role(person), _account(person), count, person.seen_at)
            for person, count in registry.everybody(self._session)
        ]

    def set_role(self, name: str, role: Role) -> None:
        """Give somebody another role."""
        person = self.find(name)
        before = person.role
        changing.set_role(self._session, person, role)
        self._note("role changed", audit.whom(person), f"{before} to {role}")

    def disable(self, name: str) -> None:
        """Let somebody in no more."""
        person = self.find(name)
        changing.disable(self._session, person)
        self._note("person disabled", audit.whom(person))

    def enable(self, name: str) -> None:
        """Let somebody in again."""
        person = self.find(name)
        changing.enable(self._session, person)
        self._note("person enabled", audit.whom(person))

    def reset(self, name: str) -> str:
        """A link by which somebody sets a new password."""
        person = self.find(name)
        secret, _ = invitations.reset(self._session, person)
        self._note("link made", audit.whom(person), "reset")
        return self._link(secret)

    def usage(self, name: str) -> list[quotas.Quota]:
        """What somebody uses, and may."""
        return quotas.of(self._session, self._settings, self.find(name).id)

    def set_quotas(
        self, name: str, given: Mapping[quotas.Name, float | None], *, default: bool
    ) -> None:
        """Set those that are given; with ``default`` all others are what the settings say."""
        person = self.find(name)
        before = quotas.own(person)
        kept = dict.fromkeys(before) if default else before
        after = kept | {quota: value for quota, value in given.items() if value is not None}
        if after != before:
            self._note("quotas set", audit.whom(person), quotas.set_own(person, after))

    def claim(self, name: str, other: str) -> changing.Claimed:
        """Make all of somebody who is a name alone an account's."""
        person, named = self.find(name), self.find(other)
        detail = f"{named.name}, who was person {named.id}"
        claimed = changing.claim(self._session, person, named)
        self._note("person claimed", audit.whom(person), detail)
        return claimed

    def _note(self, action: audit.Action, target: str, detail: str = "") -> None:
        audit.note(self._session, self._caller, action, target, detail)

    def _link(self, secret: str) -> str:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return invitations.link(settings.public_url or f"http://{host}:{settings.port}", secret)


def _checked(name: str) -> str:
    if (wrong := names.problem(name)) is not None:
        raise StoredError(f"the name {name[:200]!r} {wrong}; allowed: {names.ALLOWED}")
    return names.plain(name)


def _account(person: Person) -> str:
    if person.disabled:
        return "disabled"
    if person.source == "local" and person.password is None:
        return "no password"
    return "none" if person.source == NAMED else person.source


def _role(person: Person) -> str:
    return "" if person.source == NAMED else person.role


@contextmanager
def desk(home: Path | None) -> Iterator[Desk]:
    """All that one command does, or nothing of it. Raises StoredError with the reason."""
    settings = Settings(home=home) if home else Settings()
    file = database_file(settings.url)
    # Before the first start there is no database yet.
    fresh = file is not None and not file.is_file()
    with opened(settings, writes=fresh) as database:
        try:
            with database.write() as session:
                yield Desk(session, settings)
        except RefusedError as error:
            raise StoredError(str(error)) from error
