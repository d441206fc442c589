"""The file of an SQLite database: which one an URL means, and that it is still the same one."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote

from sqlalchemy import URL, make_url

# SQLite's own beside a database.
BESIDE = ("-wal", "-shm", "-journal")


class DatabaseFileError(Exception):
    """The file is not what it was, or cannot be used; the text is a sentence."""


def make_private(file: Path) -> None:
    """Make a database that is not there yet, for its user alone whatever the umask. SQLite gives
    what it writes beside it the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def url_of(file: Path) -> str:
    """The URL of an SQLite file, whatever characters its name has."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def database_file(url: str) -> Path | None:
    """The real file behind an URL, links resolved, whether it exists or not; None for PostgreSQL
    and for a database in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    arguments, options = parsed.get_dialect()().create_connect_args(parsed)
    name = str(arguments[0])
    if options.get("uri"):
        name, _, query = name.removeprefix("file:").partition("?")
        if parse_qs(query).get("mode") == ["memory"]:
            return None
        name = unquote(name.partition("#")[0])
        if name.startswith("//"):  # an authority, which is empty or localhost
            name = "/" + name[2:].partition("/")[2]
    return None if name in ("", ":memory:") else Path(name).resolve()


@dataclass(frozen=True)
class Identity:
    """Which file it is, whatever stands under its name later."""

    file: Path
    device: int
    inode: int

    @classmethod
    def of(cls, file: Path) -> Identity:
        """The file as it is now. Raises DatabaseFileError where there is none."""
        try:
            found = file.stat()
        except OSError as error:
            raise DatabaseFileError(f"the database {file} is gone: {error.strerror}") from error
        if not found.st_size:
            raise DatabaseFileError(f"the database {file} is empty")
        return cls(file, found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raise DatabaseFileError where the name now means another file, or none: what would be
        written into the old one, nobody would find again."""
        if Identity.of(self.file) != self:
            raise DatabaseFileError(
                f"the database {self.file} was replaced by another file while the server ran; "
                "stop the server, and start it on the one that is meant"
            )

    def check_writable(self) -> None:
        """Raise DatabaseFileError where the file, or the folder of what stands beside it, cannot
        be written. It is never opened for that: closing it would end SQLite's own locks."""
        for path in (self.file, self.file.parent):
            if not os.access(path, os.W_OK):
                raise DatabaseFileError(f"the database cannot be written: {path} is read-only")
