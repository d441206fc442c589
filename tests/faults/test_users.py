"""A user of whom the system knows no more than the number, as ``--user 12345`` in a container."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.conftest import Process
from tests.conftest import tiny_experiment
from tests.faults.conftest import check, stop_and_count

NUMBER = 12345
# It may read everything, as Python and the checkout may be root's alone, but write nothing.
BECOME = [
    "setpriv",
    f"--reuid={NUMBER}",
    f"--regid={NUMBER}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]
# As in a container: the name is nowhere to be found, and the home is not the user's.
NAMELESS = {"HOME": "/", "USER": "", "LOGNAME": "", "LNAME": "", "USERNAME": ""}


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """What Python says to that user."""
    command = [*BECOME, sys.executable, *words]
    return subprocess.run(command, env={**os.environ, **NAMELESS}, capture_output=True, text=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """The user's data folder; the tests' own folders are root's alone."""
    if os.getuid() != 0:
        pytest.skip("only root can be another user")
    if python("-c", "").returncode:
        pytest.skip("root itself may not be another user here")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NUMBER, NUMBER)
        yield Path(folder)


def test_a_user_without_a_name_serves_runs_and_backs_up(
    home: Path, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    roots = [tiny_models["bert"], texts_csv.parent]
    server = Process(home, roots, before=BECOME, **NAMELESS)
    spec = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora"])
    key = server.post("/api/experiments", spec)["id"]
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 1), run
    assert server.get(f"/api/experiments/{key}")["author"] == f"user {NUMBER}"
    assert {path.stat().st_uid for path in home.rglob("*")} == {NUMBER}
    stop_and_count(server)
    backup = "backup", "--home", str(home), "--output", str(home / "backup.tar")
    made = python("-m", "backend.cli", *backup)
    assert made.returncode == 0, made.stderr
    assert "1 experiments, 1 runs" in made.stderr
    check(server)
