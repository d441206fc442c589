"""What goes wrong in a command ends it with a sentence and a status, whatever command it is."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from backend.cli.console import console


class Commands(TyperGroup):
    """The commands, none of which ends in a traceback for what a machine or a user does."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _sentences():
            return super().invoke(ctx)


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        from backend.settings import Settings, sentences

        if error.title != Settings.__name__:
            raise
        for line in sentences(error):
            complain(line)
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read the output has gone
            let_go_of_output()
            raise typer.Exit(1) from error
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}")
        if error.errno == errno.ENOSPC:
            let_go_of_output()
    except sqlite3.Error as error:
        complain(f"the database cannot be used: {error}")
    except Exception as error:
        if type(error).__module__ != "sqlalchemy.exc":
            raise
        complain(f"the database cannot be used: {getattr(error, 'orig', None) or error}")
    else:
        return
    raise typer.Exit(2)


def complain(line: str) -> None:
    """Say a sentence on standard error, if there is one."""
    with suppress(OSError):
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def let_go_of_output() -> None:
    """What is still to be written there would fail again when the process ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def open_streams() -> None:
    """Standard streams as every command needs them.

    One that was closed (``2>&-``) is replaced by nothing: the next file to be opened, perhaps a
    database, would take its number and be written to by whoever complains. A character that the
    terminal's encoding does not have is written as its number.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, number)
            os.set_inheritable(number, True)  # workers need them as well
            if opened != number:
                os.close(opened)
        stream = getattr(sys, name)
        if stream is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        raw = sys.stderr.detach()
        sys.stderr = _Forgiving(raw, encoding, "backslashreplace", line_buffering=True)


class _Forgiving(io.TextIOWrapper):
    """Where a command says how it gets on. What it does is worth more than that somebody reads it:
    a log on a full disk, or a reader that is gone, ends nothing."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            super().flush()
