"""Sends what waits for channels, and removes what nobody needs any more of notices and audit trail.

Each server does it; on one database they take channels in turns (:mod:`outgoing`).
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.errors import UnavailableError
from backend.notifying import messages
from backend.notifying.couriers import Couriers, Message, Outcome, installed
from backend.notifying.sealing import Seal, SealError
from backend.people import audit, registry
from backend.people.callers import audience_of
from backend.settings import Settings
from backend.storage.audience import EVERYTHING, reading_for
from backend.storage.database import Database
from backend.storage.store import changes, notices, outgoing
from backend.storage.tables import NAMED, Experiment, NoticeChannel, NoticeToSend, Person

log = logging.getLogger(__name__)

# How often it looks for what is due, and how often it removes what is old.
TICK_S, PRUNING_S = 2.0, 3600.0
# Of what only administrators see to, they alone are told.
_OF_MACHINE = ("lane", "disk")


@dataclass(frozen=True)
class _Parcel:
    channel: int
    claim: str
    message: Message | None
    # Why there is none.
    why: str = ""


class Sender:
    """One thread of a server."""

    def __init__(
        self, database: Database, settings: Settings, wake: Callable[[], None] = lambda: None
    ) -> None:
        """``wake`` says to those who follow changes that there are some."""
        self.seal = Seal(settings.home)
        self.couriers = Couriers(settings)
        self._database = database
        self._settings = settings
        self._wake = wake
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_going, name="sender", daemon=True)

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more; what is under way is sent after the next start, perhaps again."""
        self._stopping.set()
        self.couriers.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout=20)

    def _keep_going(self) -> None:
        pruned: float | None = None
        said: str | None = None
        while not self._stopping.wait(TICK_S):
            try:
                self.send()
                if pruned is None or time.monotonic() - pruned > PRUNING_S:
                    self.prune()
                    pruned = time.monotonic()
                said = None
            except Exception as error:
                reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
                if reason != said:  # once, not each time
                    log.warning("notices could not be sent: %s", reason)
                said = reason

    def prune(self) -> None:
        """Remove what is old: of notices, of what could not be sent, of the audit trail."""
        with self._database.write() as session:
            notices.prune(session)
            outgoing.prune(session)
        while not self._stopping.is_set():
            with self._database.write() as session:
                if not audit.prune(session, self._settings.audit_days):
                    return

    def send(self) -> int:
        """Send what is due, and write down what came of it; how many messages arrived."""
        if not installed():
            return 0
        with self._database.read() as session:
            if not outgoing.ready(session):
                return 0
        with self._database.write() as session:
            parcels = self._taken(session)
        carried = [parcel.message for parcel in parcels if parcel.message is not None]
        try:
            found = iter(self.couriers.carry(carried) if carried else [])
        except UnavailableError:  # others are being waited for: soon
            found = iter([None] * len(carried))
        outcomes = [Outcome(p.why) if p.message is None else next(found) for p in parcels]
        with self._database.write() as session:
            for parcel, outcome in zip(parcels, outcomes, strict=True):
                _write_down(session, parcel, outcome)
            changes.add_notices(session)
        self._wake()
        return sum(outcome is not None and outcome.reason is None for outcome in outcomes)

    def _taken(self, session: Session) -> list[_Parcel]:
        parcels = []
        for channel in outgoing.ready(session):
            claim = secrets.token_hex(16)
            rows = outgoing.take(session, channel, claim)
            names = self._names(session, session.get_one(Person, channel.person_id), rows)
            seen = [row for row in rows if self._may(session, channel, row, names)]
            outgoing.drop(session, [row for row in rows if row not in seen])
            if seen:
                outgoing.count_one(channel)
                parcels.append(self._parcel(channel, claim, seen, names))
        return parcels

    def _parcel(
        self,
        channel: NoticeChannel,
        claim: str,
        rows: Sequence[NoticeToSend],
        names: dict[int, str],
    ) -> _Parcel:
        try:
            address = self.seal.opened(channel.address)
        except SealError as error:
            return _Parcel(channel.id, claim, None, str(error))
        title = messages.title(rows, names)
        body = messages.body(rows, self._settings.public_url)
        return _Parcel(channel.id, claim, Message(address, title, body))

    def _names(
        self, session: Session, person: Person, rows: Sequence[NoticeToSend]
    ) -> dict[int, str]:
        """The names of those experiments that a person sees now."""
        about = {row.experiment_id for row in rows} - {None}
        alone = self._settings.auth == "none"
        with reading_for(EVERYTHING if alone else audience_of(session, person)):
            query = select(Experiment.id, Experiment.name).where(Experiment.id.in_(about))
            return {int(key): str(name) for key, name in session.execute(query)}

    def _may(
        self, session: Session, channel: NoticeChannel, row: NoticeToSend, names: dict[int, str]
    ) -> bool:
        """Whether a person is still told of it: they can come, and see what it is about."""
        person = session.get_one(Person, channel.person_id)
        if self._settings.auth == "none":
            here = registry.find(session, self._settings.user)
            comes = sees_to_it = here is not None and here.id == person.id
        else:
            comes = person.source != NAMED and not person.disabled
            sees_to_it = person.role == "administrator"
        if row.kind in _OF_MACHINE:
            return comes and sees_to_it
        return comes and (row.experiment_id is None or row.experiment_id in names)


def _write_down(session: Session, parcel: _Parcel, outcome: Outcome | None) -> None:
    channel = session.get(NoticeChannel, parcel.channel)
    if channel is None:  # deleted meanwhile
        return
    if outcome is None:
        outgoing.give_back(session, parcel.channel, parcel.claim)
    elif outcome.reason is None:
        outgoing.arrived(session, channel, parcel.claim)
    elif outgoing.failed(
        session, channel, parcel.claim, outcome.reason, ends=parcel.message is None
    ):
        notices.of_channel(session, channel)
