"""What is written to standard error past the log, as lines of JSON too: by processes that the
server has started, and by libraries in C.

They write to file descriptor 2, which is a pipe meanwhile. A line of JSON that comes through it is
passed on; others become the message of one, all that come at once together: a traceback stays in
one piece. The server's own log does not take this way: no line of it is lost when it is killed.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO, TextIOWrapper
from itertools import groupby

from backend.logs import JsonLines

# Lines that follow each other within this time belong together.
_TOGETHER_MS = 50
# So much is read before it is passed on, however fast more comes.
_MOST = 65_536


@contextmanager
def gathered() -> Iterator[None]:
    """From now on, of this process and of all that it starts meanwhile."""
    before = sys.stderr
    before.flush()
    real = os.dup(2)
    ours, theirs = os.pipe()
    over, end = os.pipe()
    os.dup2(theirs, 2)
    os.close(theirs)
    # It stays open, as whoever logs on to the end of the process has it.
    sys.stderr = TextIOWrapper(
        FileIO(os.dup(real), "w"), errors="backslashreplace", write_through=True
    )
    thread = threading.Thread(
        target=_pass_on, args=(ours, over, real), daemon=True, name="stray lines"
    )
    thread.start()
    try:
        yield
    finally:
        os.dup2(real, 2)
        sys.stderr = before
        os.close(end)  # processes that outlive the server keep the other pipe
        thread.join()


def _pass_on(source: int, over: int, real: int) -> None:
    """Until it is over, and then what is still there."""
    either, more = select.poll(), select.poll()
    either.register(source, select.POLLIN)
    either.register(over, select.POLLIN)
    more.register(source, select.POLLIN)
    rest = b""
    ending = False
    while not ending:
        ending = over in dict(either.poll())
        while len(rest) < _MOST and more.poll(_TOGETHER_MS) and (piece := os.read(source, _MOST)):
            rest += piece
        whole, _, rest = rest.rpartition(b"\n") if len(rest) < _MOST else (rest, b"", b"")
        _write(real, lines(whole.splitlines()))
    _write(real, lines(rest.splitlines()))


def _write(real: int, written: Iterable[str]) -> None:
    data = "".join(f"{line}\n" for line in written).encode()
    with suppress(OSError):  # such as a full disk: nothing can be said of it there
        while data:
            data = data[os.write(real, data) :]


def lines(written: Iterable[bytes]) -> Iterator[str]:
    """Lines of JSON of what was written."""
    texts = (line.decode("utf-8", "replace") for line in written)
    for is_one, these in groupby(filter(str.strip, texts), _is_line):
        if is_one:
            yield from these
        else:
            message = "\n".join(these)
            record = logging.LogRecord("stderr", logging.WARNING, "", 0, message, None, None)
            yield JsonLines().format(record)


def _is_line(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and {"time", "level", "logger", "message"} <= found.keys()
