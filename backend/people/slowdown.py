"""Wrong passwords slow down whoever tries them: the more of them, the longer until the next try.

Three things are counted. *One account from one address* is slowed down soon and for long: that is
somebody who guesses, or who has forgotten. *One address* is, later, for all accounts together.
*One account from everywhere* is slowed down by a few seconds only, and not at all from addresses
that it has been signed in from: a stranger elsewhere must not be able to lock anybody out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete
from sqlalchemy.orm import Session

from backend.errors import TooOftenError
from backend.storage.tables import Attempt, name_key, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES


@dataclass(frozen=True)
class _Rule:
    """``free`` tries cost nothing; then they are 1, 2, 4, … seconds apart, up to ``most``. Without
    any for ``kept`` it begins anew."""

    free: int
    most: float
    kept: timedelta

    def wait(self, attempt: Attempt | None) -> float:
        """Seconds until the next try."""
        if attempt is None or attempt.count < self.free:
            return 0
        since = now() - attempt.last_at
        if since > self.kept:
            return 0
        return min(self.most, 2.0 ** min(attempt.count - self.free, 30)) - since.total_seconds()


_OF_BOTH = _Rule(free=5, most=900, kept=timedelta(days=1))
_OF_ADDRESS = _Rule(free=30, most=300, kept=timedelta(hours=1))
_OF_ACCOUNT = _Rule(free=30, most=5, kept=timedelta(hours=1))


def check(
    session: Session, name: str, address: str, *, known: Callable[[], bool]
) -> list[tuple[str, _Rule, Attempt | None]]:
    """What was counted so far, by rule. Raises TooOftenError where it is too early for another try.

    ``known`` says whether the account was signed in from this address before; it is asked only
    where that matters.
    """
    wait = 0.0
    rows = []
    for key, rule in _keys(name, address):
        row = session.get(Attempt, key)
        rows.append((key, rule, row))
        longer = rule.wait(row)
        if longer > wait and not (rule is _OF_ACCOUNT and known()):
            wait = longer
    if wait > 0:
        seconds = max(1, round(wait))
        raise TooOftenError(f"too many wrong passwords: try again in {seconds} s", seconds)
    return rows


def begin(session: Session, name: str, address: str, *, known: Callable[[], bool]) -> None:
    """Count a try before the password is looked at, so that many at the same time are many.
    Raises as :func:`check`."""
    rows = check(session, name, address, known=known)
    moment = now()
    for key, rule, row in rows:
        if row is None:
            session.add(Attempt(key=key, count=1, last_at=moment))
        else:
            row.count = 1 if moment - row.last_at > rule.kept else min(row.count + 1, 1000)
            row.last_at = moment
    old = delete(Attempt).where(Attempt.last_at < moment - _OF_BOTH.kept)
    session.execute(old, execution_options={TOUCHES: NO_EXPERIMENT})


def succeeded(session: Session, name: str, address: str) -> None:
    """The try that was counted was a right one. It says nothing of other accounts that were tried
    from there, nor of others who try this one."""
    for key, rule in _keys(name, address):
        row = session.get(Attempt, key)
        if row is None:
            continue
        if rule is _OF_BOTH or row.count <= 1:
            session.delete(row)
        else:
            row.count -= 1


def _keys(name: str, address: str) -> Iterator[tuple[str, _Rule]]:
    name, address = name_key(name), _network(address)
    yield _key("both", name, address), _OF_BOTH
    yield _key("address", address), _OF_ADDRESS
    yield _key("account", name), _OF_ACCOUNT


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _network(address: str) -> str:
    """Somebody who has one IPv6 address has 2⁶⁴ of them."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)
