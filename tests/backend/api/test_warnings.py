"""A warning of a run is the first thing that is read of it, wherever it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.storage.store import queue, results
from backend.storage.tables import Run
from loraone.events import Artifact, Finished, Note

SPEC: dict[str, Any] = {"task": "teacher-student", "methods": ["lora"]}
SAID = "the exported adapter is not the trained one"


def finished(client: TestClient, tmp_path: Path, notes: int, difference: float) -> int:
    """A run that said so many things before its export differed."""
    assert client.post("/api/experiments", json=SPEC).is_success
    database = client.app.state.database  # type: ignore[attr-defined]
    with database.write() as session:
        run = queue.claim(session, "CPU")
        assert run is not None
        known = difference if difference < float("inf") else None
        events = [
            *(Note(f"note {i}") for i in range(notes)),
            Note(SAID, warning=True),
            Artifact("adapter", str(tmp_path / "adapter"), 10, difference, verified=False),
            Finished({"export_difference": known, "export_allowed": 0.03}),
        ]
        for seq, event in enumerate(events):
            assert results.append(session, run.id, 1, seq, event, tmp_path)
        return run.id


@pytest.mark.parametrize("notes", [0, 2, results.MAX_NOTES + 5])
@pytest.mark.parametrize("difference", [0.5, float("inf")])
def test_it_stands_before_all_notes_however_many_there_are(
    client: TestClient, tmp_path: Path, notes: int, difference: float
) -> None:
    key = finished(client, tmp_path, notes, difference)
    run = client.get(f"/api/runs/{key}").json()
    assert run["status"] == "succeeded"
    assert run["warnings"] == [f"Warning: {SAID}"]
    assert run["notes"][0] == run["warnings"][0]
    assert len(run["notes"]) == min(notes + 1, results.MAX_NOTES)
    assert run["summary"]["export_allowed"] == 0.03
    database = client.app.state.database  # type: ignore[attr-defined]
    with database.read() as session:
        assert session.get(Run, key).warnings == run["warnings"]


def test_the_table_of_runs_and_the_report_have_it(client: TestClient, tmp_path: Path) -> None:
    key = finished(client, tmp_path, 1, 0.5)
    number = client.get(f"/api/runs/{key}").json()["experiment_id"]
    report = client.get(f"/api/experiments/{number}/report.html")
    assert "Warnings" in report.text
    assert SAID in report.text
    table = client.get(f"/api/runs?of=e{number}").json()
    (row,) = table["rows"]
    assert (row["export_difference"], row["export_allowed"]) == (0.5, 0.03)
    heads = {head["name"]: head["label"] for head in table["columns"]}
    assert heads["export_difference"] == "Export difference"


def test_an_experiment_without_a_warning_has_no_such_section(client: TestClient) -> None:
    number = client.post("/api/experiments", json=SPEC).json()["id"]
    report = client.get(f"/api/experiments/{number}/report.html")
    assert "All runs" in report.text
    assert "Warnings" not in report.text
