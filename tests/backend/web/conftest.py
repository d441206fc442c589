"""A real server process, whose log and limits can be looked at."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from tests.backend.conftest import Process


class Served(Process):
    """A server whose log is read as it comes."""

    def __init__(self, home: Path, errors: IO[str] | None = None, **settings: str) -> None:
        super().__init__(home, [], errors=errors, LORAONE_BENCHMARK_DEVICE="false", **settings)
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.address = (parts.hostname, parts.port)
        self.log = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log += line

    def limits(self) -> tuple[int, int]:
        """Its soft and its hard limit of open files."""
        return resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)


@contextmanager
def soft_limit(files: int) -> Iterator[int]:
    """What is started meanwhile may open this many files, unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of its socket, started by a shell with a low limit of files."""
    with soft_limit(256):
        served = Served(tmp_path_factory.mktemp("home"))
    yield served
    served.stop()
