"""Ctrl-C, whenever it comes: a command ends, and shows nobody where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A terminal's Ctrl-C comes as a module is looked for; somebody may have begun the tests in the
# background, where a shell has it ignored.
_INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from backend.cli import main
main()
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("loraone.catalog", ["plan", "-"]),  # before there are any commands
        ("loraone.client", ["watch", "1"]),
        ("backend.web.server", ["serve", "--port", "0"]),
    ],
)
def test_ctrl_c_while_a_command_begins_ends_it_without_a_word(
    module: str, command: list[str], tmp_path: Path
) -> None:
    code = _INTERRUPTED.format(module=module)
    found = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
    )
    assert (found.returncode, found.stdout, found.stderr) == (128 + signal.SIGINT, "", "")
