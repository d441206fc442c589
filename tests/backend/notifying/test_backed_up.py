"""A backup says that it holds addresses, and does not hold what they can be read with."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from backend.cli.offline import write_backup
from backend.storage import backups
from backend.storage.permissions import NOTICE_KEY, tighten
from backend.storage.store import notices
from backend.storage.tables import NoticeChannel, NoticeChoice
from tests.backend.notifying.receivers import SECRET
from tests.backend.notifying.sent import Office


@pytest.mark.sqlite
def test_a_backup_says_that_it_holds_addresses_and_has_no_key(
    office: Office, tmp_path: Path
) -> None:
    home, file = office.settings.home, tmp_path / "all.tar"
    assert "notices" not in write_backup(home, file, adapters=False)
    with office.database.write() as session:
        notices.choose(session, office.root, ["disk"])
    for _ in range(2):
        office.channel(f"json://ana:{SECRET}@lab.example.org/")
    said = write_backup(home, file, adapters=False)
    assert "it holds 2 addresses that notices are sent to, encrypted" in said and NOTICE_KEY in said
    with tarfile.open(file) as tar:
        assert not [name for name in tar.getnames() if NOTICE_KEY in name]
    key = (home / NOTICE_KEY).read_bytes()
    content = file.read_bytes()
    assert SECRET.encode() not in content and key not in content
    settings = office.settings.model_copy(update={"home": tmp_path / "new", "database_url": None})
    assert backups.restore(settings, file).channels == 2


@pytest.mark.sqlite
@pytest.mark.parametrize("table", [NoticeChoice, NoticeChannel])
@pytest.mark.parametrize("kinds", [[], ["failed"], {"failed": 1}, ["failed", 5]])
def test_what_people_chose_is_restored_and_nothing_else_in_its_place(
    office: Office, tmp_path: Path, table: type[Any], kinds: Any
) -> None:
    office.channel("json://lab.example.org/")
    with office.database.write() as session:
        notices.choose(session, office.ada, [])
        session.execute(update(table).values(kinds=kinds))
    backups.write(office.settings, tmp_path / "all.tar")
    new = office.settings.model_copy(update={"home": tmp_path / "new", "database_url": None})
    if isinstance(kinds, list) and 5 not in kinds:
        backups.restore(new, tmp_path / "all.tar")
    else:
        with pytest.raises(backups.BackupError, match="kinds"):
            backups.restore(new, tmp_path / "all.tar")


def test_a_key_that_others_could_read_is_tightened(office: Office) -> None:
    office.channel("json://lab.example.org/")
    key = office.settings.home / NOTICE_KEY
    key.chmod(0o644)
    assert key in tighten(office.settings)
    assert key.stat().st_mode & 0o777 == 0o600
