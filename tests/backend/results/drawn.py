"""What the figures' routes answer with, read as a test needs it."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd

from tests.backend.conftest import Process


def figure(server: Process, name: str, **params: Any) -> dict[str, Any]:
    """A figure of experiment 1, as plotly reads it."""
    answer = server.http.get(f"/api/figures/{name}", params={"of": "e1", **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def csv(server: Process, name: str, **params: Any) -> pd.DataFrame:
    """The numbers behind the same figure."""
    answer = server.http.get(f"/api/figures/{name}", params={"of": "e1", **params, "format": "csv"})
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.StringIO(answer.text))


def values(field: Any) -> np.ndarray:
    """A plotly array, whether a list or base64."""
    if isinstance(field, dict):
        flat = np.frombuffer(base64.b64decode(field["bdata"]), dtype=f"<{field['dtype']}")
        return flat.reshape([int(n) for n in str(field["shape"]).split(",")] if "shape" in field
                            else -1)  # fmt: skip
    return np.array(field, dtype=float)


def lines(drawn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The traces that have a name, by it; bands have none."""
    return {t["name"]: t for t in drawn["data"] if "name" in t}
