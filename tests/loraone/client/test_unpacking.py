"""Archives of a server that means no good: nothing of them is outside the folder, or inside."""

from __future__ import annotations

import stat
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loraone import Client
from loraone.client import UnsafeArchiveError
from loraone.client.experiment import Experiment
from loraone.client.unpacking import empty_folder, unpack


def archive(*files: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files:
            how = zipfile.ZIP_DEFLATED if len(content) > 100 else zipfile.ZIP_STORED
            packed.writestr(name, content, how)
    return written.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


GOOD = ("adapter_config.json", b"{}")
HOSTILE: dict[str, bytes] = {
    "a folder above": archive(GOOD, ("../evil", b"x")),
    "a folder above, later": archive(GOOD, ("a/../../evil", b"x")),
    "from the root": archive(GOOD, ("/tmp/evil", b"x")),
    "of Windows": archive(GOOD, ("..\\evil", b"x")),
    "a drive": archive(GOOD, ("C:evil", b"x")),
    "a link": archive(GOOD, (special("link", stat.S_IFLNK), b"/etc/passwd")),
    "a pipe": archive(GOOD, (special("pipe", stat.S_IFIFO), b"")),
    "a name with NUL": archive(GOOD, ("evilxname", b"x")).replace(b"evilxname", b"evil\0name"),
    "a name with a line break": archive(GOOD, ("evil\nname", b"x")),
    "a name that is too long": archive(GOOD, ("x" * 300, b"x")),
    "a name twice": archive(GOOD, ("evil", b"x"), ("EVIL", b"y")),
    "a file that is a folder": archive(GOOD, ("evil", b"x"), ("evil/inner", b"y")),
    "a bomb": archive(GOOD, ("evil", b"\0" * 30_000_000)),
    "half of one": archive(GOOD, ("evil", bytes(range(256)) * 90))[:200],
    "no archive": b"<h1>welcome</h1>",
    "another content": archive(GOOD, ("evil", b"content")).replace(b"content", b"CONTENT"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_of_a_hostile_archive_is_unpacked(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner" / "adapter"
    with pytest.raises(UnsafeArchiveError):
        unpack(BytesIO(HOSTILE[what]), empty_folder(folder))
    assert [*tmp_path.rglob("*")] == [tmp_path / "inner"]


def test_a_name_twice_is_no_way_past_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(GOOD, GOOD)
    with pytest.raises(UnsafeArchiveError, match="twice"):
        unpack(BytesIO(twice), empty_folder(tmp_path / "a"))


def test_a_client_refuses_what_a_hostile_server_sends(new_impostor: Any, tmp_path: Path) -> None:
    impostor = new_impostor()
    impostor.says("/api/runs/7/adapter.zip", HOSTILE["a folder above"])
    impostor.says("/api/experiments/1", {"id": 1, "name": "../../evil"})
    experiment = Experiment(Client(impostor.url)._connection, 1, "evil")
    with pytest.raises(UnsafeArchiveError, match=r"\.\./evil"):
        experiment.adapter(7, tmp_path / "inner" / "adapter")
    assert [*tmp_path.rglob("*")] == [tmp_path / "inner"]


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match="empty or new"):
            empty_folder(taken)
    (tmp_path / "empty").mkdir()
    unpack(BytesIO(archive(GOOD, ("a/b.bin", b"b"))), empty_folder(tmp_path / "empty"))
    assert (tmp_path / "empty" / "a" / "b.bin").read_bytes() == b"b"


names = st.text(st.sampled_from("ab./\\:é "), min_size=1, max_size=12)


@given(st.lists(names, min_size=1, max_size=4, unique=True))
def test_whatever_names_an_archive_has_it_stays_in_its_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    outer = tmp_path_factory.mktemp("outer")
    folder = outer / "1" / "2" / "3" / "adapter"
    try:
        unpack(BytesIO(archive(*[(name, b"x") for name in names])), empty_folder(folder))
    except UnsafeArchiveError:
        assert not folder.exists()
    files = [each for each in outer.rglob("*") if each.is_file()]
    assert all(folder in each.parents for each in files)
