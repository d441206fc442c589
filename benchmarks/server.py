"""A server for a benchmark: a process of its own on a folder, without the device's benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def served(home: Path, **settings: str) -> Iterator[tuple[httpx.Client, int]]:
    """A client of the server, and the number of its process."""
    given = {"LORAONE_HOME": str(home), "LORAONE_BENCHMARK_DEVICE": "false", **settings}
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0"]
    server = subprocess.Popen(
        command, env={**os.environ, **given}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split(" is at ")[1].split()[0]
        with httpx.Client(base_url=url, timeout=60) as http:
            yield http, server.pid
    finally:
        server.terminate()
        server.wait()
