"""Machines of a network as the kernel can play them: network namespaces, each with an address.

Needs root on Linux; where that is not given, :func:`why_not` says so.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

# For tests of networks alone (RFC 2544): no network that a machine is in has them.
_NETWORK = "198.18.{}.{}"


def _run(*command: str) -> None:
    subprocess.run(["ip", *command], check=True, capture_output=True, text=True)


def why_not() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Machine(0):
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {str(error.stderr).strip()}"


class Machine:
    """Another machine, with a cable to this one; ``number`` is below 250."""

    def __init__(self, number: int) -> None:
        self.name = f"loraone-{os.getpid()}-{number}"
        self._cable = f"lo{os.getpid() % 100_000}n{number}"
        # Of the cable's end here, and of the other.
        self.here, self.address = (_NETWORK.format(number, end) for end in (1, 2))

    def __enter__(self) -> Machine:
        _run("netns", "add", self.name)
        try:
            _run("link", "add", self._cable, "type", "veth",
                 "peer", "name", "eth0", "netns", self.name)  # fmt: skip
            _run("addr", "add", f"{self.here}/24", "dev", self._cable)
            _run("link", "set", self._cable, "up")
            inside = ("-n", self.name)
            _run(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
            _run(*inside, "link", "set", "lo", "up")
            _run(*inside, "link", "set", "eth0", "up")
            _run(*inside, "route", "add", "default", "via", self.here)
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _run("netns", "del", self.name)  # the cable goes with it

    def program(self, program: str, folder: Path) -> Path:
        """A file that starts a program there."""
        file = folder / f"{Path(program).name}-on-{self.name}"
        file.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} "{program}" "$@"\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file
