"""A model's JSON files, which anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# A tokenizer of a quarter of a million words has 20 MB.
MOST_BYTES = 200_000_000


def read_json(file: Path) -> Any:
    """What the file holds. Raises OSError, or ValueError where that is no JSON of any use."""
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size} bytes; allowed: up to {MOST_BYTES}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it nests too deep") from error
