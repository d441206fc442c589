"""What nobody needs any more is removed: notices that were read; the trail where it is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.notifying.sender import Sender
from backend.people import audit
from backend.settings import Settings
from backend.storage.store import notices
from backend.storage.tables import AuditRow, Notice, now
from tests.backend.notifying.sent import Office


def subjects(office: Office, person: int) -> set[str]:
    with office.database.read() as session:
        return {row.subject for row in session.query(Notice).filter_by(person_id=person)}


def test_what_was_read_is_kept_for_ninety_days_and_what_was_not_stays(office: Office) -> None:
    days = {"read long ago": 91, "read of late": 89, "never read": None}
    with office.database.write() as session:
        for subject, ago in days.items():
            read = None if ago is None else now() - timedelta(days=ago)
            at = now() - timedelta(days=200)
            given = {"kind": "failed", "text": "x", "read_at": read, "at": at}
            session.add(Notice(person_id=office.ada, subject=subject, **given))
    office.sender.prune()
    assert subjects(office, office.ada) == {"read of late", "never read"}


def test_of_each_person_the_newest_are_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST_KEPT", 3)
    with office.database.write() as session:
        for person, count in ((office.ada, 5), (office.root, 3)):
            for number in range(count):
                at = now() - timedelta(hours=number)
                given = {"kind": "failed", "text": "x", "at": at}
                session.add(Notice(person_id=person, subject=f"{number}", **given))
    office.sender.prune()
    for person in (office.ada, office.root):
        assert subjects(office, person) == {"0", "1", "2"}


def trail(office: Office) -> list[str]:
    with office.database.read() as session:
        return [row.target for row in session.query(AuditRow).order_by(AuditRow.id)]


@pytest.mark.parametrize("days", [None, 30, 3])
def test_the_trail_is_kept_for_as_long_as_a_setting_says(
    office: Office, days: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_REMOVED", 2)
    ages = (400, 31, 31, 29, 2)
    with office.database.write() as session:
        for age in ages:
            at = now() - timedelta(days=age)
            session.add(AuditRow(name="ana", action="launched", target=f"{age}", at=at))
    settings = office.settings.model_copy(update={"audit_days": days})
    Sender(office.database, settings).prune()
    kept = [f"{age}" for age in ages if days is None or age < days]
    assert trail(office) == kept


@pytest.mark.parametrize("days", ["0", "-1", "0.5", "nan", "never"])
def test_a_trail_that_is_kept_for_no_time_is_refused(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORAONE_AUDIT_DAYS", days)
    with pytest.raises(ValueError, match="audit_days"):
        Settings()
