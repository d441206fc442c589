"""Guessing passwords becomes slow, and locks nobody else out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from backend.errors import TooOftenError
from backend.people import slowdown
from backend.storage.tables import Attempt, now


@pytest.fixture
def session(local_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session that writes, while the clock stands still."""
    moment = now()
    monkeypatch.setattr(slowdown, "now", lambda: moment)
    with local_app.state.database.write() as session:
        yield session


def wait(session: Session, name: str, address: str, *, known: bool = False) -> float:
    """Seconds that a try has to wait; one that has not to is counted."""
    try:
        slowdown.begin(session, name, address, known=lambda: known)
    except TooOftenError as error:
        return error.again
    return 0


def later(session: Session, **time: float) -> None:
    """So much time goes by."""
    for row in session.query(Attempt):
        row.last_at -= timedelta(**time)
    session.flush()


def test_each_wrong_password_doubles_the_wait_up_to_a_quarter_of_an_hour(session: Session) -> None:
    assert [wait(session, "ana", "10.0.0.1") for _ in range(6)] == [0] * 5 + [1]
    waits = []
    for _ in range(12):
        seconds = wait(session, "ana", "10.0.0.1")
        waits.append(round(seconds))
        later(session, seconds=seconds)
        assert wait(session, "ana", "10.0.0.1") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_the_right_one_in_time_begins_anew(session: Session) -> None:
    for _ in range(5):
        wait(session, "ana", "10.0.0.1")
    slowdown.succeeded(session, "ana", "10.0.0.1")
    session.flush()
    assert [wait(session, "Ana", "10.0.0.1") for _ in range(6)] == [0] * 5 + [1]


def test_tries_at_the_same_time_are_counted_before_they_are_looked_at(session: Session) -> None:
    """None of them has failed yet."""
    assert sum(wait(session, "ana", "10.0.0.1") == 0 for _ in range(50)) == 5


def test_one_address_that_tries_all_accounts_is_slowed_down(session: Session) -> None:
    waits = [wait(session, f"person {i}", "10.0.0.1") for i in range(31)]
    assert waits == [0] * 30 + [1]
    assert wait(session, "ana", "10.0.0.2") == 0


def test_one_who_signs_in_rightly_in_between_gains_nothing_for_other_accounts(
    session: Session,
) -> None:
    for i in range(30):
        wait(session, f"person {i}", "10.0.0.1")
        if i % 5 == 0:
            wait(session, "eve", "10.0.0.1")
            slowdown.succeeded(session, "eve", "10.0.0.1")
            session.flush()
    assert wait(session, "ana", "10.0.0.1") > 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("a socket", "a socket", True),
    ],
)
def test_who_has_one_ipv6_address_has_a_whole_network(
    session: Session, first: str, second: str, same: bool
) -> None:
    for _ in range(5):
        wait(session, "ana", first)
    assert (wait(session, "ana", second) > 0) == same


def test_a_stranger_elsewhere_locks_nobody_out(session: Session) -> None:
    for i in range(60):
        wait(session, "ana", f"10.0.{i}.1")
        later(session, seconds=5)
    wait(session, "ana", "10.1.1.1")
    # From where she has not been yet she waits for seconds; from where she has, not at all.
    assert 0 < wait(session, "ana", "10.9.9.9") <= 5
    assert wait(session, "ana", "10.9.9.9", known=True) == 0
    later(session, seconds=5)
    assert wait(session, "ana", "10.9.9.8") == 0


def test_what_was_long_ago_is_forgotten(session: Session) -> None:
    for _ in range(5):
        wait(session, "ana", "10.0.0.1")
    assert wait(session, "ana", "10.0.0.1") > 0
    later(session, days=1, seconds=1)
    assert wait(session, "bob", "10.0.0.2") == 0
    session.flush()
    assert session.query(Attempt).count() == 3, "those of ana are gone"
    assert all(row.last_at > now() - timedelta(minutes=1) for row in session.query(Attempt))
