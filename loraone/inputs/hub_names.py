"""Names of the Hugging Face hub: ``org/name[@revision]``, of models and of data sets."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
# A branch, a tag, a commit, or refs/pr/1. The cache keeps each as a file of that path.
_REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)


def parsed(name: str) -> tuple[str, str | None] | None:
    """Name and revision; None for what can be neither, such as a path or a revision that is one."""
    repository, at, revision = name.partition("@")
    wrong = ".." in name or not _NAME.fullmatch(repository)
    if wrong or (at and not _REVISION.fullmatch(revision)):
        return None
    return repository, revision or None


def is_path(name: str) -> bool:
    """Whether something of this machine has that path, so that no name of the hub is meant."""
    try:
        return Path(name).exists()
    except OSError:  # a name that no file can have, such as one that is too long
        return False
