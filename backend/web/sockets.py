"""The listening socket, and how many files and connections the process may have."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from backend.settings import Settings

# What waits in the kernel; 1 000 pages may connect again at once when a server was restarted.
BACKLOG = 2048
# Taken from it at a time. asyncio accepts as many before a connection can be refused, so this many
# files are needed beyond MOST_CONNECTIONS.
ACCEPTED_AT_ONCE = 64

# More is not needed, and there are programs that close every possible file before they start.
_MOST_FILES = 65_536
_MOST_CONNECTIONS = 4096


@contextmanager
def listen(settings: Settings) -> Iterator[socket.socket | None]:
    """A listening socket on the first free port from ``settings.port`` on; None where all of
    them are taken."""
    address = "0.0.0.0" if settings.in_container else settings.host  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in ports(settings):
        # With its protocol: asyncio sets TCP_NODELAY only where the socket says that it is TCP.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, port))
        except OSError:
            listening.close()
            continue
        with listening:
            yield listening
        return
    yield None


def ports(settings: Settings) -> range:
    """The ports that are tried; where a proxy knows one, no other."""
    if settings.public_url is not None:
        return range(settings.port, settings.port + 1)
    last = settings.port if settings.port == 0 else min(settings.port + 20, 65_535)
    return range(settings.port, last + 1)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return what it is then.

    Shells give 1024, which 1 000 open pages use up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def most_connections(files: int) -> int:
    """How many connections are held with this many files: the rest are for the database, the
    workers, and what has been accepted but not yet refused."""
    return max(16, min(_MOST_CONNECTIONS, files - 2 * ACCEPTED_AT_ONCE - max(64, files // 8)))
