"""An export of an earlier release, as other servers send it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

EXPORT = Path(__file__).parents[2] / "archive" / "schema-0004" / "experiment-1.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """An export of an earlier release."""
    whole: dict[str, Any] = json.loads(EXPORT.read_text())
    ended = [run for run in whole["runs"] if run["status"] == "succeeded"][:2]
    failed = copy.deepcopy(ended[0]) | {"status": "failed", "summary": None}
    failed["error"] = {"code": "lost", "message": "the server stopped", "hint": "retry"}
    return whole | {"runs": [*ended, failed]}
