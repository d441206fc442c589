"""Machines that fail under a command: a sentence and a status, never a traceback."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from backend.cli.commands import app
from backend.settings import Settings, sentences
from tests.backend.storage.archived import filled
from tests.ports import free_port


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    file = tmp_path / "theory.yaml"
    spec = {"name": "x–y", "task": "teacher-student", "methods": ["lora"], "training": {"steps": 3}}
    file.write_text(yaml.safe_dump(spec, allow_unicode=True))
    return file


def loraone(
    *arguments: str, redirected: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command in a shell, with its streams redirected as a shell does."""
    command = [sys.executable, "-m", "backend.cli", *arguments]
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *command],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )


def is_quiet(said: bytes) -> bool:
    return b"Traceback" not in said and b"Exception ignored" not in said


ODD_SETTINGS = [
    ("PORT", "many", "LORAONE_PORT = 'many': .*integer.*; allowed: from 0, up to 65,535"),
    ("PORT", "65536", "LORAONE_PORT = '65536'"),
    ("TIME_LIMIT_MINUTES", "nan", "LORAONE_TIME_LIMIT_MINUTES = 'nan': .*allowed: above 0"),
    ("STALL_MINUTES", "inf", "up to 10,000"),
    ("EXECUTOR", "k8s", "allowed: local, ray"),
    ("IN_CONTAINER", "perhaps", "allowed: true, false"),
    ("CALIBRATE", "perhaps", "LORAONE_BENCHMARK_DEVICE = 'perhaps'"),
    ("USER", "", "LORAONE_USER = '': .*not empty, up to 100 characters"),
    ("USER", "a\nb", "cannot be printed"),
    ("HOME", "", "LORAONE_HOME = '': is empty"),
    ("HOME", "~nobody-at-all/lab", "cannot be resolved"),
    ("HOME", "/tmp/\udcff", "not UTF-8"),
    ("ALLOWED_ROOTS", "/data:~nobody-at-all", "cannot be resolved"),
    ("DATABASE_URL", "lab.db", "is no URL of a database; allowed: .*sqlite or postgresql"),
    ("DATABASE_URL", "mysql://ana:secret@host/lab", "mysql is not supported"),
    ("DATABASE_URL", "sqlite+aiosqlite:///lab.db", "is not supported"),
    ("MAX_QUEUED", "9" * 5000, "LORAONE_MAX_QUEUED"),
    ("OIDC_CLIENT_SECRET", "secret\n", r"LORAONE_OIDC_CLIENT_SECRET = '\*\*\*'.*printable ASCII"),
]


@pytest.mark.parametrize(("name", "value", "said"), ODD_SETTINGS)
def test_a_setting_that_cannot_be_is_said_with_its_value_by_every_command(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.delenv("LORAONE_BENCHMARK_DEVICE", raising=False)
    monkeypatch.setenv(f"LORAONE_{name}", value)
    for command in (["report", "1"], ["backup"], ["restore", "x.tar"], ["serve"]):
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2, refused.exception
        assert re.search(said, " ".join(refused.stderr.split())), refused.stderr
        assert "secret" not in refused.stderr
        assert len(refused.stderr) < 1000


def test_every_setting_has_a_value_that_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pydantic import ValidationError

    for name, field in Settings.model_fields.items():
        if name == "host":  # what is no loopback address is refused where it listens
            continue
        with pytest.raises(ValidationError) as caught, monkeypatch.context() as patch:
            for known in ("LORAONE_BENCHMARK_DEVICE", "LORAONE_CALIBRATE"):
                patch.delenv(known, raising=False)
            patch.setenv(f"LORAONE_{name.upper()}", "~\udcff")
            Settings()
        (line,) = sentences(caught.value)
        assert line.startswith(f"LORAONE_{name.upper()} = "), (line, field)


def test_a_user_without_a_name_and_a_home_is_known_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with ``docker run --user 12345``."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME", "XDG_DATA_HOME", "LORAONE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert Settings(home=tmp_path).user == "user 12345"
    refused = CliRunner().invoke(app, ["serve"])
    assert refused.exit_code == 2
    assert "LORAONE_HOME" in refused.stderr and "absolute path" in refused.stderr.replace("\n", " ")


def test_a_folder_that_cannot_be_used_is_named_by_every_command(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "spec.json").write_text("{}")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        for command in (
            ["report", "1"],
            ["export", "1"],
            ["import", str(tmp_path / "spec.json")],
            ["backup"],
            ["restore", str(tmp_path / "spec.json")],
            ["serve", "--port", "0"],
        ):
            refused = CliRunner().invoke(app, [*command, "--home", str(home)])
            assert refused.exit_code == 2, (command, refused.exception)
            assert str(tmp_path / "file") in refused.stderr.replace("\n", ""), command


@pytest.mark.sqlite
def test_an_output_that_cannot_be_written_is_named_and_the_database_is_none(tmp_path: Path) -> None:
    home = filled(tmp_path / "home").home
    before = (home / "loraone.db").read_bytes()
    (tmp_path / "file").touch()
    for command in ("report", "export", "backup"):
        which = [] if command == "backup" else ["1"]
        for output in (home / "loraone.db", tmp_path / "file" / "x", tmp_path, home / "logs" / "x"):
            arguments = [command, *which, "--home", str(home), "--output", str(output)]
            refused = CliRunner().invoke(app, arguments)
            assert refused.exit_code == 2, (arguments, refused.exception)
            assert refused.stderr.strip()
    assert (home / "loraone.db").read_bytes() == before


def test_commands_work_without_standard_streams_and_say_nothing(spec_file: Path) -> None:
    for command in (["version"], ["plan", str(spec_file)]):
        done = loraone(*command, redirected=">&- 2>&- <&-")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_output_that_nobody_takes_ends_a_command_in_order(spec_file: Path) -> None:
    unread = loraone("run", str(spec_file), redirected="2>/dev/full")
    assert unread.returncode == 0 and b'"finished"' in unread.stdout
    full = loraone("plan", str(spec_file), redirected=">/dev/full")
    assert full.returncode == 2
    assert b"No space left" in full.stderr and is_quiet(full.stderr)
    # The reader is gone before anything is written.
    gone = loraone("plan", str(spec_file), redirected="| true")
    assert is_quiet(gone.stderr), gone.stderr


def test_characters_that_a_terminal_does_not_have_are_written_as_numbers(spec_file: Path) -> None:
    for environment in (
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ):
        done = loraone("plan", str(spec_file), **environment)
        assert done.returncode == 0 and is_quiet(done.stderr), done.stderr
        assert b"x\\u2013y" in done.stdout
    named = loraone("plan", os.fsdecode(b"/nothing-\xff.yaml"))
    assert named.returncode == 2 and is_quiet(named.stderr)
    assert b"nothing-\\udcff.yaml" in named.stderr.replace(b"\n", b"")


def test_a_server_whose_output_is_gone_serves_on_and_keeps_its_files_to_its_user(
    tmp_path: Path,
) -> None:
    home, port = tmp_path / "home", free_port()
    (home / "artifacts").mkdir(parents=True, mode=0o755)
    (home / "logs").mkdir(mode=0o750)  # the group was let in on purpose
    (home / ".loraone-killed").mkdir()
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port)]
    code = "import os, sys; os.umask(0); os.close(2); os.execv(sys.argv[1], sys.argv[1:])"
    environment = {**os.environ, "LORAONE_HOME": str(home), "TMPDIR": str(tmp_path / "nowhere")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command], stdout=writing, env=environment
    )
    os.close(writing)
    try:
        url = f"http://127.0.0.1:{port}/api/health"
        end = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(url, timeout=5).status_code == 200
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.1)
        launched = httpx.post(
            f"http://127.0.0.1:{port}/api/experiments",
            json={"task": "teacher-student", "methods": ["lora"], "training": {"steps": 3}},
        ).json()
        url = f"http://127.0.0.1:{port}/api/experiments/{launched['id']}"
        while {run["status"] for run in httpx.get(url).json()["runs"]} != {"succeeded"}:
            assert time.monotonic() < end, httpx.get(url).text
            time.sleep(0.1)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
        assert modes.pop("logs") == 0o750
        assert ".loraone-killed" not in modes
        assert {name for name, mode in modes.items() if mode & 0o077} == set(), modes
        assert {"loraone.db", "loraone.db-wal", "artifacts", "data"} <= modes.keys()
    finally:
        process.terminate()
        process.wait(20)
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))
