"""What a data set of the hub names as its data: files of its own repository, or it is not read.

A data set's card may name any path or address. ``datasets`` looks up what it names before it
reads it: it would list folders of this machine, or ask any address of the network. Patterns are
therefore checked before they are looked up, and what was found is checked again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from loraone.errors import DataError

# A file of an archive or of a packed file, as datasets names it before what holds it.
_IN_ARCHIVE = re.compile(r"(zip|tar|gzip|bz2|lz4|xz|zstd)://.*", re.DOTALL)
_TURN = threading.Lock()


def check(files: Mapping[Any, Sequence[str]] | None, name: str, source: str) -> None:
    """Raise DataError where one of the files found is not the data set's own."""
    for file in (str(file) for of_split in (files or {}).values() for file in of_split):
        if not _is_within(file, name):
            raise _refused(file, name, source)


@contextmanager
def own_patterns(name: str, source: str) -> Iterator[None]:
    """In here ``datasets`` looks up no pattern that leads out of the data set's repository: that
    raises DataError."""
    import datasets

    # It has no other place to be asked at: a card, a file beside it and defaults all lead here.
    module: Any = datasets.data_files

    def resolve(pattern: str, *given: Any, **named: Any) -> Any:
        is_name = "::" not in pattern and datasets.data_files.is_relative_path(pattern)
        if not is_name and not _is_within(pattern, name):
            raise _refused(pattern, name, source)
        return known(pattern, *given, **named)

    with _TURN:
        known = module.resolve_pattern
        module.resolve_pattern = resolve
        try:
            yield
        finally:
            module.resolve_pattern = known


def _refused(file: str, name: str, source: str) -> DataError:
    return DataError(
        f"data set {source!r} names a file outside its repository as its data: {file:.500}",
        field="data.source",
        value=source,
        allowed=f"a data set whose files all lie in hf://datasets/{name}, or in archives there",
    )


def _is_within(file: str, name: str) -> bool:
    """Whether a file lies in the repository, or in an archive that does: each part of
    ``zip://a.csv::hf://datasets/org/name/b.zip`` is a file within what the next one names."""
    *inner, last = file.split("::")
    place, _, path = last.removeprefix("hf://datasets/").partition(name)
    in_repository = last.startswith("hf://datasets/") and not place and path[:1] in ("@", "/")
    return (
        in_repository
        and ".." not in path.split("/")
        and all(_IN_ARCHIVE.fullmatch(part) for part in inner)
    )
