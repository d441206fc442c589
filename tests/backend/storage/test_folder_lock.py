"""One server for each data folder and each SQLite file, and the message that names the other."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.settings import Settings
from backend.storage.database_file import database_file
from backend.storage.folder_lock import FolderError, FolderInUseError, only_server

HOLD = """
import sys
from pathlib import Path
from backend.settings import Settings
from backend.storage.folder_lock import only_server
url = sys.argv[2] if len(sys.argv) > 2 else None
with only_server(Settings(home=Path(sys.argv[1]), database_url=url)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the locks, and is killed at the end."""
    command = [sys.executable, "-c", HOLD, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_by_the_number_of_the_first_until_it_is_gone(
    tmp_path: Path,
) -> None:
    with holding(str(tmp_path)) as first:
        for _ in range(2):  # being refused takes nothing from whoever has it
            with (
                pytest.raises(FolderInUseError, match=rf"process {first.pid}\).*{tmp_path}"),
                only_server(Settings(home=tmp_path)),
            ):
                pass
        first.kill()
        first.wait()
    with only_server(Settings(home=tmp_path)):
        assert (tmp_path / "server.pid").read_text() == str(os.getpid())
    assert {path.name for path in tmp_path.iterdir()} == {"server.lock"}


def test_servers_on_postgresql_share_a_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql+psycopg://127.0.0.1:1/lab")
    with only_server(settings), only_server(settings):
        assert list(tmp_path.iterdir()) == []


def relative(file: Path) -> str:
    return f"sqlite:///{os.path.relpath(file)}"


def linked(file: Path) -> str:
    (file.parent.parent / "link.db").symlink_to(file)
    return f"sqlite:///{file.parent.parent / 'link.db'}"


def linked_folder(file: Path) -> str:
    (file.parent.parent / "folder").symlink_to(file.parent)
    return f"sqlite:///{file.parent.parent / 'folder' / file.name}"


OTHER_FORMS: list[Callable[[Path], str]] = [
    lambda file: f"sqlite:///{file}",
    lambda file: f"sqlite+pysqlite:///{file}?timeout=5",
    lambda file: f"sqlite:///{file.parent}/../{file.parent.name}/./{file.name}",
    lambda file: f"sqlite:///file:{file}?mode=rwc&uri=true",
    lambda file: f"sqlite:///file://{file}?uri=true&cache=private",
    lambda file: f"sqlite:///file:{file.parent}/%6C%61b.db?uri=true",
    relative,
    linked,
    linked_folder,
]


@pytest.mark.parametrize("other", OTHER_FORMS)
def test_one_database_has_one_server_whatever_its_home_and_however_the_file_is_named(
    tmp_path: Path, other: Callable[[Path], str]
) -> None:
    file = tmp_path / "shared" / "lab.db"
    file.parent.mkdir()
    file.touch()
    settings = Settings(home=tmp_path / "two", database_url=other(file))
    with holding(str(tmp_path / "one"), f"sqlite:///{file}") as first:
        said = rf"on {platform.node()}, process {first.pid}\).*{file}"
        with pytest.raises(FolderInUseError, match=said), only_server(settings):
            pass
    with only_server(settings):  # kill -9 let go of it
        pass


def test_the_database_of_another_servers_data_folder_is_taken_too(tmp_path: Path) -> None:
    """Also by a server of an earlier release, which locks the folder alone."""
    url = f"sqlite:///{tmp_path / 'one' / 'loraone.db'}"
    settings = Settings(home=tmp_path / "two", database_url=url)
    with holding(str(tmp_path / "one")), pytest.raises(FolderInUseError), only_server(settings):
        pass


def test_two_databases_in_one_folder_have_a_server_each(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    with (
        holding(str(tmp_path / "one"), urls[0]),
        only_server(Settings(home=tmp_path / "two", database_url=urls[1])),
    ):
        pass


def test_a_database_under_two_hard_links_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    os.link(tmp_path / "a.db", tmp_path / "b.db")
    settings = Settings(home=tmp_path / "home", database_url=f"sqlite:///{tmp_path / 'b.db'}")
    with pytest.raises(FolderError, match=r"b\.db has 2 names.*allowed: 1"), only_server(settings):
        pass


def test_a_folder_that_is_a_file_or_takes_nothing_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with (
            pytest.raises(FolderError, match="a file is in its place"),
            only_server(Settings(home=home)),
        ):
            pass
    for folder, said in ((Path("/proc/1"), "cannot be written"), (Path("/proc/no"), "be made")):
        with pytest.raises(FolderError, match=said), only_server(Settings(home=folder)):
            pass


@pytest.mark.parametrize(
    ("url", "memory"),
    [
        ("sqlite://", True),
        ("sqlite:///:memory:", True),
        ("sqlite:///file::memory:?cache=shared&uri=true", True),
        ("sqlite:///file:lab?mode=memory&cache=shared&uri=true", True),
        ("sqlite:////lab.db", False),
        ("postgresql+psycopg://host/lab", False),
    ],
)
def test_a_database_in_memory_is_told_from_a_file_and_serves_nobody(
    tmp_path: Path, url: str, memory: bool
) -> None:
    assert (database_file(url) is None) == (not url.endswith("lab.db"))
    if memory:
        settings = Settings(home=tmp_path, database_url=url)
        with pytest.raises(FolderError, match=r"in memory.*name a file"), only_server(settings):
            pass
