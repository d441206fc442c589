"""A PostgreSQL server for tests: temporary, without durability, on a port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.ports import free_port

DATABASES = Path("/usr/lib/postgresql")


def program(name: str) -> str:
    """The newest PostgreSQL's program, from the path or from where Debian keeps them."""
    found = sorted(DATABASES.glob(f"*/bin/{name}"))
    where = str(found[-1]) if found else shutil.which(name)
    assert where is not None, "PostgreSQL is not installed; `make postgresql` installs it"
    return where


class Postgres:
    """One server; every test gets a database of its own from it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="loraone-postgres-"))
        self.port = free_port()
        self._count = 0
        if os.getuid() == 0:  # initdb refuses root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        self.start()

    def _as_user(self, *command: str) -> list[str]:
        if os.getuid() != 0:
            return list(command)
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]

    def _run(self, name: str, *arguments: str) -> None:
        command = self._as_user(program(name), *arguments)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        """Start, and wait until connections are taken."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        options += " -c fsync=off -c synchronous_commit=off -c max_connections=200"
        log = str(self.folder / "log")
        data = str(self.folder / "data")
        self._run("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop as `pg_ctl stop -m` does."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """What a power cut does."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)

    def new_database(self, like: str = "postgresql://server/template1") -> str:
        """The URL of a database with what another one has, which nobody is connected to."""
        self._count += 1
        name = f"lab{self._count}"
        template = like.rpartition("/")[2]
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self._url(name).replace("postgresql://", "postgresql+psycopg://")

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        """Stop, and leave nothing."""
        try:
            if (self.folder / "data" / "postmaster.pid").exists():  # a test may have stopped it
                self.stop("immediate")
        finally:
            shutil.rmtree(self.folder)
