"""Where one's notices are sent besides the page: mail, chats, and other services."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import CallerDep, DatabaseDep, Key, Reading, SenderDep, SettingsDep
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.notices import (
    NoticeChannelChange,
    NoticeChannelIn,
    NoticeChannelOut,
    NoticeChannelsOut,
    NoticeTestOut,
)
from backend.notifying import channels
from backend.notifying.couriers import HOW, installed
from backend.people import audit, standing
from backend.settings import Settings
from backend.storage.tables import NoticeChannel

router = APIRouter(route_class=JsonRoute, prefix="/notices/channels", tags=["notices"])


@router.get("")
@fresh("it is another for everybody")
@needs("read")
def list_channels(session: Reading, caller: CallerDep, settings: SettingsDep) -> NoticeChannelsOut:
    """One's own, and what may be one."""
    person = caller.number(session)
    rows = [] if person is None else channels.listed(session, person)
    return NoticeChannelsOut(
        channels=[_out(row) for row in rows],
        schemas=sorted(settings.sent_by),
        missing=_missing(settings),
    )


@router.post("", status_code=201, responses=refuses(409))
@needs("read", account=True)
def add_channel(
    given: NoticeChannelIn,
    caller: CallerDep,
    database: DatabaseDep,
    sender: SenderDep,
) -> NoticeChannelOut:
    """Have notices sent to an address, which is looked at and encrypted."""
    address = given.address.get_secret_value()
    found = channels.looked_at(sender, address)
    with database.write() as session:
        standing.check_still(session, caller)
        person = caller.owner(session).id
        row = channels.add(session, sender, person, given.label, given.kinds, address, found.shown)
        audit.note(session, caller, "notice channel added", _named(row.id), found.schema)
        added = _out(row)
    return added


@router.patch("/{channel_id}")
@needs("read", account=True)
def change_channel(
    channel_id: Key,
    given: NoticeChannelChange,
    caller: CallerDep,
    database: DatabaseDep,
) -> NoticeChannelOut:
    """Call a channel otherwise, or have other notices sent to it from now on."""
    with database.write() as session:
        row = channels.of(session, caller.number(session), channel_id)
        row.label = row.label if given.label is None else given.label
        row.kinds = row.kinds if given.kinds is None else list(given.kinds)
        audit.note(session, caller, "notice channel changed", _named(channel_id))
        changed = _out(row)
    return changed


@router.delete("/{channel_id}", status_code=204)
@needs("read", account=True)
def delete_channel(channel_id: Key, caller: CallerDep, database: DatabaseDep) -> None:
    """Have nothing sent there any more; what waits for it is forgotten."""
    with database.write() as session:
        session.delete(channels.of(session, caller.number(session), channel_id))
        audit.note(session, caller, "notice channel deleted", _named(channel_id))


@router.post("/{channel_id}/test", responses=refuses(429))
@needs("read", account=True)
def test_channel(
    channel_id: Key, caller: CallerDep, database: DatabaseDep, sender: SenderDep
) -> NoticeTestOut:
    """Send a word there, now."""
    with database.read() as session:
        person = caller.number(session)
    reason = channels.tested(database, sender, person, channel_id)
    with database.write() as session:
        audit.note(session, caller, "notice channel tested", _named(channel_id))
    return NoticeTestOut(reason=reason)


def _named(key: int) -> str:
    return f"notice channel {key}"


def _missing(settings: Settings) -> str | None:
    if not installed():
        return f"Sending needs apprise, which this server does not have: {HOW}"
    if not settings.sent_by:
        return "This server sends notices nowhere (LORAONE_NOTICE_SCHEMAS is empty)"
    return None


def _out(row: NoticeChannel) -> NoticeChannelOut:
    return NoticeChannelOut.model_validate(row)
