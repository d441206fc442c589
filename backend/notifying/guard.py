"""What the process that sends may not, whatever an address asks for: reach what is not public,
read files, write any, start programs.

An audit hook of the interpreter says no before it happens, and nothing in the process can take it
away. It looks at numbers at the moment of connecting, so that no name can mean something else by
then, and no redirect leads elsewhere; where a proxy stands between, at what it is asked for.
"""

from __future__ import annotations

import os
import ssl
import sys
import sysconfig
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from backend.notifying.networks import Network, refusal
from backend.notifying.proxies import Proxies

_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "pty.spawn",
    "os.kill",
)
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "shutil.rmtree",
    "shutil.move",
    "sqlite3.connect",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_refused = threading.local()


class RefusedHereError(PermissionError):
    """The guard said no; what sends takes it for an error of the system."""


def refused() -> str | None:
    """What was refused to this thread since the last time that it was asked, in a sentence."""
    said: str | None = getattr(_refused, "sentence", None)
    _refused.sentence = None
    return said


def sentence(why: str) -> str:
    """What :func:`backend.notifying.networks.refusal` says, with what is allowed."""
    return (
        f"its host {why}; allowed: public addresses, and those that an administrator names in "
        "LORAONE_NOTICE_NETWORKS"
    )


def install(reachable: Sequence[Network], *, proxy_names: bool = False) -> None:
    """From now on, for as long as the process lives; ``proxy_names``: see :class:`Proxies`."""
    readable = _Readable()
    proxies = Proxies(reachable, names=proxy_names)

    def check(event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            _check_file(given[0], given[2], readable)
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            if event != "socket.connect" or not proxies.has(given[1]):
                _check_address(given[1], reachable)
        elif event == "http.client.send":
            if (why := proxies.refusal(*given)) is not None:
                _refuse(sentence(why))
        elif event in _STARTS or event in _CHANGES:
            _refuse("it would use this machine itself, which no notice may")

    sys.addaudithook(check)


def _refuse(sentence: str) -> None:
    _refused.sentence = sentence
    raise RefusedHereError(sentence)


def _check_address(address: Any, reachable: Sequence[Network]) -> None:
    if address is None:  # of a socket that is connected, which was looked at then
        return
    host = address[0] if isinstance(address, tuple) and address else None
    why = refusal(host, reachable) if isinstance(host, str) else "is no address of the internet"
    if why is not None:
        _refuse(sentence(why))


def _check_file(path: Any, flags: Any, readable: _Readable) -> None:
    if isinstance(path, int):  # one that is open
        return
    name = os.path.realpath(os.fsdecode(path))
    if (isinstance(flags, int) and flags & _WRITES) or not readable.has(name):
        _refuse("it would use a file of this machine, which no notice may")


class _Readable:
    """What the interpreter itself needs: modules, its packages, certificates."""

    def __init__(self) -> None:
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        packages = (sysconfig.get_path(name) for name in names)
        known = ssl.get_default_verify_paths()
        named = (os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
        files = (known.cafile, *named, os.devnull)
        self._folders = _folders((*packages, known.capath))
        self._code = _folders(entry for entry in sys.path if entry)
        self._files = frozenset(os.path.realpath(file) for file in files if file)

    def has(self, name: str) -> bool:
        """Whether it is one of these; ``name`` follows no links."""
        code = name.endswith((".py", ".pyc", ".so", ".pyd")) and name.startswith(self._code)
        return code or name in self._files or name.startswith(self._folders)


def _folders(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(os.path.realpath(name) + os.sep for name in names if name)
