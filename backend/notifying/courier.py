"""The process that knows apprise: is given addresses and messages, one JSON line each, answers in
one line each, and ends.

It has nothing of the server's but these lines: no database, no settings, no environment beyond what
the interpreter needs. What an address can make apprise do is limited by :mod:`guard`, how long and
with how much memory by limits of the system.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TextIO

from backend.notifying import guard, reasons
from backend.notifying.networks import Network, refusal

# One that hangs has no longer than this, whoever waits for it.
LIMIT_S = 40
# Of one connection, to connect and for each answer.
ANSWER_S = 10.0
_MEMORY, _OPEN, _AT_ONCE = 512 * 1024**2, 256, 16
# Of so many one address sends to: one notice is no mailing list.
MOST_TARGETS = 20
# What stands before a path, a user or a query in these is a host, and no token.
_SHOWS_HOST = frozenset(
    ("mailto", "mailtos", "json", "jsons", "form", "forms", "gotify", "gotifys", "mmost", "mmosts")
)


class _Said(logging.Handler):
    """What apprise has logged, by thread."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        lines = self._lines.setdefault(threading.get_ident(), [])
        if len(lines) < 100:
            lines.append(record.getMessage()[:2000])

    def taken(self) -> list[str]:
        """Of this thread, since the last time."""
        return self._lines.pop(threading.get_ident(), [])


@dataclass(frozen=True)
class _Allowed:
    schemas: frozenset[str]
    reachable: Sequence[Network]


class _Unfit(Exception):  # noqa: N818 - the address is, and it is said
    """Why nothing can be sent there."""


def main() -> None:
    """Read all lines, answer each when it is done."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a batch system warns all processes
    _limit()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # whatever prints
    first, *jobs = [json.loads(line) for line in sys.stdin]
    import apprise  # noqa: F401 - with all that it reads at its start

    said = _Said()
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(said)
    logger.propagate = False
    reachable = [ip_network(network) for network in first["reachable"]]
    guard.install(reachable, proxy_names=first["proxy_names"])
    allowed = _Allowed(frozenset(first["schemas"]), reachable)
    lock = threading.Lock()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for job in jobs:
            threads.submit(_answer, job, allowed, said, answers, lock)


def _answer(
    job: dict[str, Any],
    allowed: _Allowed,
    said: _Said,
    answers: TextIO,
    lock: threading.Lock,
) -> None:
    said.taken()
    guard.refused()
    answer: dict[str, Any] = {"id": job["id"]}
    try:
        answer |= _done(job, allowed, lambda: reasons.reason(said.taken(), guard.refused()))
    except _Unfit as unfit:
        answer |= {"reason": str(unfit)}
    except Exception:  # a plug-in's own mistake
        answer |= {"reason": reasons.reason(said.taken(), guard.refused())}
    with lock, suppress(OSError):
        print(json.dumps(answer), file=answers, flush=True)


def _done(job: dict[str, Any], allowed: _Allowed, why: Callable[[], str]) -> dict[str, Any]:
    """What came of a job: how its address is shown where it is only looked at, else whether the
    message was taken."""
    schema, service = _service(job["address"], allowed.schemas)
    if "body" not in job:
        return {"schema": schema, "shown": _shown(schema, service, allowed.reachable)}
    # Said outright, so that a name that changes under us is no way around what was looked at.
    service.verify_certificate = True
    service.socket_connect_timeout = service.socket_read_timeout = ANSWER_S
    if service.notify(body=job["body"], title=job["title"], body_format="text"):
        return {}
    return {"reason": why()}


def _shown(schema: str, service: Any, reachable: Sequence[Network]) -> str:
    """An address without what may be a secret in it. Raises _Unfit where nothing would be sent to
    its host as things stand; at each sending it is looked at again."""
    if schema not in _SHOWS_HOST:
        return f"{schema}://…"
    with suppress(OSError, UnicodeError):  # of a host that is not known now the sending will say it
        for found in socket.getaddrinfo(getattr(service, "smtp_host", "") or service.host, None):
            why = refusal(str(found[4][0]), reachable)
            if why is not None:
                raise _Unfit(guard.sentence(why))
    return f"{schema}://{service.host}"


def _service(address: str, schemas: frozenset[str]) -> tuple[str, Any]:
    """What apprise makes of an address, if that is allowed. Raises _Unfit."""
    from apprise import Apprise, AppriseAsset
    from apprise.plugins import url_to_dict

    read: Any = url_to_dict  # which says no types
    parts = read(address, secure_logging=True)
    if not parts or "://" not in address:
        raise _Unfit("apprise knows no such address")
    schema = str(parts["schema"])
    if schema not in schemas:
        raise _Unfit(f"{schema} is none of the services that this server sends to")
    asset = AppriseAsset(storage_mode="memory", secure_logging=True, async_mode=False)
    service = Apprise.instantiate(parts, asset=asset)
    if service is None:
        raise _Unfit(guard.refused() or f"it is no complete address of {schema}")
    if service.verify_certificate is not True:
        raise _Unfit("verify=no is refused: certificates are always looked at")
    if len(service) > MOST_TARGETS:
        raise _Unfit(f"it sends to {len(service)} targets; allowed: up to {MOST_TARGETS}")
    return schema, service


def _limit() -> None:
    """The system ends what takes too long, also where nobody waits for it any more."""
    if sys.platform == "win32":
        return
    import resource

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT_S)
    limits = {"RLIMIT_DATA": _MEMORY, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": _OPEN}
    for name, most in limits.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))


if __name__ == "__main__":
    main()
