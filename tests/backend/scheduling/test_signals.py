"""What a batch system tells all processes of a job is for the server and its workers alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["backend.notifying.courier", "loraone.runs.device_benchmark"])
def test_a_warning_to_all_processes_ends_none_that_the_server_has_started(module: str) -> None:
    command = [sys.executable, "-P", "-m", module]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    bit = 1 << (signal.SIGUSR1 - 1)
    try:
        until = time.monotonic() + 30
        while not _ignored(process.pid) & bit:
            assert time.monotonic() < until, "it would end"
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGUSR1)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def _ignored(pid: int) -> int:
    """The signals that a process ignores, as the kernel has them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("SigIgn")), 16)
