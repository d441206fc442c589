"""Addresses are encrypted with a key that only the server's user may read."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from backend.notifying.sealing import Seal, SealError
from backend.storage.permissions import NOTICE_KEY

ADDRESS = "slack://a/b/c-secret"


def test_what_is_stored_says_nothing_and_is_another_each_time(tmp_path: Path) -> None:
    seal = Seal(tmp_path)
    first, second = seal.closed(ADDRESS), seal.closed(ADDRESS)
    assert first != second and "secret" not in first
    assert Seal(tmp_path).opened(first) == seal.opened(second) == ADDRESS
    assert (tmp_path / NOTICE_KEY).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NOTICE_KEY]


@pytest.mark.parametrize("key", [None, bytes(32), b"short"])
def test_without_its_key_nobody_reads_it(tmp_path: Path, key: bytes | None) -> None:
    stored = Seal(tmp_path).closed(ADDRESS)
    (tmp_path / NOTICE_KEY).unlink()
    if key is not None:
        (tmp_path / NOTICE_KEY).write_bytes(key)
    with pytest.raises(SealError, match=NOTICE_KEY) as refused:
        Seal(tmp_path).opened(stored)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("change", [lambda text: text[:-4] + "AAAA", lambda text: "", str.upper])
def test_what_was_changed_is_refused(tmp_path: Path, change: object) -> None:
    assert callable(change)
    with pytest.raises(SealError):
        Seal(tmp_path).opened(change(Seal(tmp_path).closed(ADDRESS)))


def test_servers_that_share_a_folder_make_one_key(tmp_path: Path) -> None:
    stored: list[str] = []
    threads = [
        threading.Thread(target=lambda: stored.append(Seal(tmp_path).closed(ADDRESS)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Seal(tmp_path).opened(text) for text in stored] == [ADDRESS] * 8
