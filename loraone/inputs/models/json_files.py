"""A model's JSON files, which anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# The largest files of a kind have a quarter to a half of this, in MiB. The server reads them too,
# so none may fill its memory: a vocabulary of 262 000 words has 33; an index of 91 000 weights 9;
# a configuration that names 20 000 classes 2, where most have a thousandth of that.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json", "tekken.json")
_VOCABULARY_MIB, _INDEX_MIB, _CONFIGURATION_MIB = 64, 32, 8


class TooLargeError(ValueError):
    """A file is larger than any of its kind."""


def check_size(file: Path) -> None:
    """Raise TooLargeError for a file that is larger than what its name says may be."""
    if file.name in _VOCABULARIES:
        most = _VOCABULARY_MIB
    elif file.name.endswith(".index.json"):
        most = _INDEX_MIB
    else:
        most = _CONFIGURATION_MIB
    if (size := file.stat().st_size) > most * 2**20:
        raise TooLargeError(f"has {size} bytes; allowed: up to {most} MiB")


def read_json(file: Path) -> Any:
    """What the file holds. Raises OSError, or ValueError where that is no JSON of any use."""
    check_size(file)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it nests too deep") from error
