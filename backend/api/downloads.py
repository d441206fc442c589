"""Files that leave the server: made as a whole before any of it is sent, and not in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

_PART = 1 << 20


def scratch_file(folder: Path) -> IO[bytes]:
    """A file without a name: nothing of it is left, however the server ends."""
    return tempfile.TemporaryFile(dir=folder)


def written(texts: Iterable[str], folder: Path, name: str, kind: str) -> StreamingResponse:
    """The pieces of a text as a download; ``folder`` is where they are put together."""
    file = scratch_file(folder)
    try:
        for text in texts:
            file.write(text.encode())
    except BaseException:
        file.close()
        raise
    return download(file, name, kind)


def download(file: IO[bytes], name: str, kind: str) -> StreamingResponse:
    """All of a file, which is closed after it."""
    size = file.tell()
    file.seek(0)
    return StreamingResponse(
        iter(lambda: file.read(_PART), b""),
        media_type=kind,
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
        background=BackgroundTask(file.close),
    )
