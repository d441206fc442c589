"""Data files over HTTP: what is wrong with one is a problem of a field, whatever its bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.backend.api.test_api import problem
from tests.conftest import tiny_experiment


@pytest.mark.parametrize(
    ("name", "content", "path"),
    [
        ("a.csv", b"gr\xf6\xdfe,label\na,x\n", "data.encoding"),
        ("b.csv", b"text,label\nun caf\xe9,x\n", "data.encoding"),
        ("c.csv", b"text,label,label\na,x,y\n", "data.label_column"),
        ("d.jsonl", b'{"text": "\\ud800", "label": "x"}', "data.text_column"),
        ("e.json", b'[{"text": "a", "label": null}]', "data.missing_labels"),
        ("f.csv.gz", b"text,label\na,x\n", "data.source"),
    ],
)
def test_what_is_wrong_with_a_file_is_marked_at_its_field(
    client: TestClient,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    name: str,
    content: bytes,
    path: str,
) -> None:
    file = texts_csv.parent / name
    file.write_bytes(content)
    spec = tiny_experiment(tiny_models["bert"], file)
    errors = problem(client.post("/api/plan", json=spec), 422)["errors"]
    assert path in [error["path"] for error in errors], errors
    file.unlink()
