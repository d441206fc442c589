"""Commands beside a server that has the database: those that read work, those that write wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli.commands import app
from backend.scheduling.jobs import CUT, MAX_LOG_BYTES, append_log
from backend.storage.folder_lock import only_server
from tests.backend.storage.archived import filled

pytestmark = pytest.mark.sqlite


def test_what_reads_works_beside_a_server_and_what_writes_names_it(tmp_path: Path) -> None:
    settings = filled(tmp_path / "home")
    home = ["--home", str(settings.home)]
    exported = tmp_path / "one.json"
    commands = (
        ["export", "1", "--output", str(exported)],
        ["report", "1", "--output", str(tmp_path / "one.html")],
        ["backup", "--output", str(tmp_path / "all.tar")],
    )
    with only_server(settings):
        for command in commands:
            assert CliRunner().invoke(app, [*command, *home]).exit_code == 0, command
        for command in (["import", str(exported)], ["restore", str(tmp_path / "all.tar")]):
            refused = CliRunner().invoke(app, [*command, *home])
            assert refused.exit_code == 2
            assert f"process {os.getpid()})" in refused.stderr.replace("\n", " ")
    assert CliRunner().invoke(app, ["import", str(exported), *home]).exit_code == 0


def test_what_a_node_sends_to_a_log_without_end_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "1.log"
    for _ in range(5):
        append_log(file, "x" * 300_000)
    assert file.stat().st_size == MAX_LOG_BYTES + len(CUT)
