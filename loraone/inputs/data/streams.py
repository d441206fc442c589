"""Files as streams: unpacked where they are gzip, decoded without losing a byte.

Bytes that are none of the encoding's do not stop the reading: each becomes the surrogate
``U+DC00 + byte``, which no decoder gives, so that it can be refused where it stands, by row and
column, and does not matter in a column that is not asked for.
"""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from loraone.errors import DataError

# What a .gz may unpack to, in bytes: a small file can hold any amount.
MAX_UNPACKED = 4 * 2**30
# The longest row, in characters, so that what is no table is refused before memory is full.
MAX_ROW = 64 * 2**20

# What is read at a time, so that little before the end of a beginning is not seen.
_PART = 2**16
_ERRORS = "loraone.undecodable"


def _as_surrogates(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(_ERRORS, _as_surrogates)


class HeadEndError(Exception):
    """More of a file is asked for than the beginning that is looked at."""


def opened(path: Path, head: int | None = None) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in ``.gz``.

    With ``head`` reading on raises HeadEndError beyond so many bytes, packed or unpacked.
    Otherwise it raises DataError beyond :data:`MAX_UNPACKED`. It raises OSError or EOFError where
    the file is not gzip, or was cut off.
    """
    packed = path.suffix.lower() == ".gz"
    if head is not None:
        raw = _beginning(path.open("rb"), head)
        return _beginning(gzip.GzipFile(fileobj=raw), head, raw) if packed else raw
    if not packed:
        return path.open("rb")
    unpacked = cast("IO[bytes]", gzip.GzipFile(path))
    return cast("IO[bytes]", io.BufferedReader(_Bounded(unpacked, path), 2**20))


def _beginning(stream: Any, head: int, file: IO[bytes] | None = None) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(_Head(stream, head, file), 2**16))


class _Head(io.RawIOBase):
    """The first ``length`` bytes of a stream; HeadEndError where it has more and they are read.

    ``file`` is what the stream itself reads, and does not close.
    """

    def __init__(self, stream: IO[bytes], length: int, file: IO[bytes] | None) -> None:
        self._stream = stream
        self._left = length
        self._file = file
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # Whoever asks again is not told that the file ends where its last byte was looked for.
        block = b"" if self._ended else self._stream.read(min(len(buffer), self._left) or 1)
        if self._ended or (block and not self._left):
            self._ended = True
            raise HeadEndError
        self._left -= len(block)
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        if self._file is not None:
            self._file.close()
        super().close()


class _Bounded(io.RawIOBase):
    """Reads on from ``stream`` up to :data:`MAX_UNPACKED`."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer))
        self._read += len(block)
        if self._read > MAX_UNPACKED:
            raise DataError(
                f"{self._path} unpacks to more than {MAX_UNPACKED / 2**30:g} GiB",
                field="data.source",
                value=self._path,
                allowed=f"up to {MAX_UNPACKED / 2**30:g} GiB unpacked",
                hint="unpack it yourself and name the unpacked file",
            )
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        super().close()


class Text:
    """The text of a stream of bytes; a byte order mark at its beginning is no part of it.

    Lines end at ``\\n``, ``\\r`` or ``\\r\\n``, which stay as they are, or become ``\\n`` where
    they are ``translated``.
    """

    def __init__(self, stream: IO[bytes], encoding: str, *, translated: bool = False) -> None:
        self.encoding = encoding
        newline = None if translated else ""
        self._text = io.TextIOWrapper(stream, encoding, errors=_ERRORS, newline=newline)
        self._begun = False

    def read(self, count: int) -> str:
        """The next ``count`` characters, fewer at the end, and where a beginning ends."""
        parts: list[str] = []
        while count > 0:
            try:
                part = self._text.read(min(count, _PART))
            except HeadEndError:
                if not parts:
                    raise
                break
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return self._without_mark("".join(parts))

    def lines(self) -> Iterator[str]:
        """The lines with their ends. Raises ValueError for one above :data:`MAX_ROW`."""
        while line := self._text.readline(MAX_ROW + 1):
            if len(line) > MAX_ROW:
                raise ValueError(f"it has a line of more than {MAX_ROW} characters")
            yield self._without_mark(line)

    def _without_mark(self, text: str) -> str:
        begun, self._begun = self._begun, True
        return text if begun else text.removeprefix("\ufeff")
