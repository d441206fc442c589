"""One server for each data folder, and the message that names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.settings import Settings
from backend.storage.folder_lock import FolderInUseError, only_server

HOLD = """
import sys
from pathlib import Path
from backend.settings import Settings
from backend.storage.folder_lock import only_server
with only_server(Settings(home=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_by_the_number_of_the_first_until_it_is_gone(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
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
