"""Starts the process that sends (:mod:`backend.notifying.courier`), and waits for it so long.

apprise is imported there alone: it may be missing, hang, or do what an address says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from backend.errors import UnavailableError
from backend.notifying import proxies
from backend.notifying.reasons import LATE
from backend.settings import Settings

# Less than the process has itself: it ends whatever happens here.
WAIT_S = 30.0
# Each takes a second of a processor and 60 MB.
_AT_ONCE = 4
# What of the environment goes along, besides proxies: nothing that is a secret.
_ALONG = (
    "PATH",
    "PYTHONPATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    *proxies.NAMES,
    *map(str.lower, proxies.NAMES),
)
HOW = "pip install 'loraone-lab[notices]'"


@dataclass(frozen=True)
class Message:
    """What is sent to an address; without a body the address is only looked at."""

    address: str
    title: str = ""
    body: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it: why not, or nothing; of an address that was looked at, what it is."""

    reason: str | None = None
    schema: str = ""
    shown: str = ""


def installed() -> bool:
    """Whether there is apprise."""
    return find_spec("apprise") is not None


class Couriers:
    """A few at a time, each for all that is to be sent now."""

    def __init__(self, settings: Settings) -> None:
        self._first = {
            "schemas": sorted(settings.sent_by),
            "reachable": [str(network) for network in settings.reachable],
            "proxy_names": settings.notice_proxy_names,
        }
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def carry(self, messages: Sequence[Message]) -> list[Outcome | None]:
        """Send each; what came of them in their order, after half a minute at most. None of one
        that nobody knows of, as the server is being stopped.

        Raises UnavailableError without apprise, and where others are being waited for.
        """
        if not installed():
            raise UnavailableError(f"notices are sent with apprise, which is not installed: {HOW}")
        if not self._turns.acquire(blocking=False):
            raise UnavailableError("other notices are being sent; try again soon", 5)
        try:
            answers = self._answers(messages)
        finally:
            self._turns.release()
        late = None if self._stopped else Outcome(LATE)
        return [answers.get(number, late) for number in range(len(messages))]

    def _answers(self, messages: Sequence[Message]) -> dict[int, Outcome]:
        lines = [json.dumps(self._first)]
        for number, message in enumerate(messages):
            job: dict[str, Any] = {"id": number, "address": message.address}
            if message.body is not None:
                job |= {"title": message.title, "body": message.body}
            lines.append(json.dumps(job))
        process = self._start()
        try:
            said, _ = process.communicate("\n".join(lines), timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()  # what was done by then
        finally:
            with self._lock:
                self._running.discard(process)
        # The last line may be half a one.
        whole = map(json.loads, said[: said.rfind("\n") + 1].splitlines())
        return {answer.pop("id"): Outcome(**answer) for answer in whole}

    def _start(self) -> subprocess.Popen[str]:
        kept = {name: os.environ[name] for name in _ALONG if name in os.environ}
        nowhere = {"HOME": os.devnull, "NETRC": os.devnull}
        if not proxies.named():  # nor those of the system's own settings
            nowhere["NO_PROXY"] = "*"
        with self._lock:
            if self._stopped:
                raise UnavailableError("the server is being stopped", 10)
            process = subprocess.Popen(
                # Not from the folder that the server was started in, whatever is there.
                [sys.executable, "-P", "-m", "backend.notifying.courier"],
                env={**kept, **nowhere, "CUDA_VISIBLE_DEVICES": ""},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
            self._running.add(process)
        return process

    def stop(self) -> None:
        """End those that are under way; what they were to send is sent after the next start."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()
