"""What comes in is checked field by field before anything of it is stored."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage.store import exported, transfer
from backend.storage.store.exported_json import TransferError
from backend.storage.store.exported_results import ROWS
from backend.storage.store.exported_rows import CommentRow, ExperimentRow, NoteRow, RunRow
from backend.storage.tables import Comment, Experiment, Note, Run
from backend.web.app import create_app
from tests.conftest import DatabaseUrl

Change = Callable[[dict[str, Any]], Any]


def first(document: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any] = document["runs"][0]
    return run


def table(document: dict[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = first(document)["results"][name][0]
    return row


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (ExperimentRow, Experiment),
        (NoteRow, Note),
        (CommentRow, Comment),
        (RunRow, Run),
        *((row, row.table) for row in ROWS.values()),
    ],
)
def test_the_rows_have_the_columns_of_the_tables(kind: Any, of: Any) -> None:
    columns = transfer._columns(of)
    assert set(kind.model_fields) == set(columns)
    for name, field in kind.model_fields.items():
        optional = columns[name].nullable or columns[name].default is not None
        assert field.is_required() != optional, name


WRONG: dict[str, tuple[str, Change]] = {
    "texts that are too long together": (
        "experiment.spec",
        lambda d: d["experiment"]["spec"].update(methods=[{"name": "x" * 90_000}] * 6)),
    "an error that is none": ("runs.2.error.code", lambda d: d["runs"][2].update(error={})),
    "a failure without an error": ("runs.2.error", lambda d: d["runs"][2].update(error=None)),
    "an error of a success": (
        "runs.0.error", lambda d: first(d).update(error={"code": "a", "message": "b"})),
    "a success without a summary": ("runs.0.summary", lambda d: first(d).update(summary=None)),
    "a success without an end": ("runs.0.finished_at", lambda d: first(d).update(finished_at=None)),
    "an unknown status": ("runs.0.status", lambda d: first(d).update(status="won")),
    "a year far ahead": (
        "runs.0.finished_at", lambda d: first(d).update(finished_at="9999-12-31T23:59:59+00:00")),
    "a year long ago": (
        "experiment.created_at",
        lambda d: d["experiment"].update(created_at="0001-01-01T00:00:00+14:00")),
    "a time without a zone": (
        "runs.0.queued_at", lambda d: first(d).update(queued_at="2026-11-05T12:00:00")),
    "an end before the start": (
        "runs.0.finished_at",
        lambda d: first(d).update(finished_at="2020-01-01T00:00:00+00:00")),
    "a start before the launch": (
        "runs.0.started_at", lambda d: first(d).update(started_at="2020-01-01T00:00:00+00:00")),
    "a time that is a number": ("runs.0.queued_at", lambda d: first(d).update(queued_at=1)),
    "a spectrum of another length": (
        "results.spectra.0", lambda d: table(d, "spectra").update(length=99)),
    "half a number": (
        "results.spectra.0.values", lambda d: table(d, "spectra").update(values="AAA=")),
    "a layer that there is not": (
        "results.spectra.0", lambda d: table(d, "spectra").update(layer=99)),
    "another rank": ("results.alignments.0", lambda d: table(d, "alignments").update(rank=3)),
    "another size": ("results.overlaps.0", lambda d: table(d, "overlaps").update(size=2)),
    "a column of other layers": (
        "results.layer_columns.0", lambda d: table(d, "layer_columns").update(values="AAAAAA==")),
    "an unknown quantity": (
        "results.spectra.0.quantity", lambda d: table(d, "spectra").update(quantity="soul")),
    "an unknown metric": (
        "results.metrics.0.name", lambda d: table(d, "metrics").update(name="x")),
    "a metric that is no number": (
        "results.metrics.0.value", lambda d: table(d, "metrics").update(value="1")),
    "a step before the first": (
        "results.metrics.0.step", lambda d: table(d, "metrics").update(step=-1)),
    "a number beyond all columns": (
        "results.metrics.0.tokens", lambda d: table(d, "metrics").update(tokens=2**63)),
    "a metric twice": (
        "runs.0.results.metrics",
        lambda d: first(d)["results"]["metrics"].append(table(d, "metrics"))),
    "results without layers": ("runs.0.results", lambda d: first(d).update(layers=None)),
    "fewer shapes than layers": (
        "runs.0.layers.out_features", lambda d: first(d)["layers"].update(out_features=[4])),
    "a layer twice": (
        "runs.0.layers.names",
        lambda d: first(d)["layers"].update(
            names=first(d)["layers"]["names"][:1] * len(first(d)["layers"]["names"]))),
    "notes that are no list": ("runs.0.notes", lambda d: first(d).update(notes={"a": 1})),
    "a note that is no text": ("runs.0.notes.0", lambda d: first(d).update(notes=[1])),
    "a comment on a run that is not there": (
        "comments.0.run",
        lambda d: d.update(comments=[{"text": "a", "author": "b", "run": 99}])),
    "a comment without a text": ("comments.0.text", lambda d: d.update(comments=[{"author": "b"}])),
    "a summary of texts": (
        "runs.0.summary.eval_loss", lambda d: first(d)["summary"].update(eval_loss="low")),
    "NUL in a name": ("experiment.name", lambda d: d["experiment"].update(name="a\0b")),
    "half of a character": ("runs.0.label", lambda d: first(d).update(label="\ud800")),
    "NUL deep in a spec": ("runs.0.spec.model.id", lambda d: first(d)["spec"]["model"].update(
        id="\0")),
    "a spec that is a list": ("runs.0.spec", lambda d: first(d).update(spec=[])),
    "a spec that is none": ("runs.0.spec", lambda d: first(d).update(spec={"method": 7})),
    "a spec of another seed": ("runs.0.seed", lambda d: first(d).update(seed=77)),
    "an environment without end": (
        "runs.0.environment", lambda d: first(d)["environment"].update(a=nested(40))),
    "packages that are none": (
        "runs.0.environment.packages", lambda d: first(d)["environment"].update(packages=[1])),
    "a long tag": ("tags.0", lambda d: d.update(tags=["x" * 41])),
    "a tag of two words": ("tags.0", lambda d: d.update(tags=["a b"])),
    "a version of the notes twice": ("notes.1", lambda d: d.update(notes=[d["notes"][0]] * 2)),
    "a name that is too long": ("experiment.name", lambda d: d["experiment"].update(
        name="x" * 201)),
    "a field of a queue": ("runs.0.priority", lambda d: first(d).update(priority=9)),
    "a field beside all": ("extra", lambda d: d.update(extra=1)),
    "a learning rate of nothing": ("runs.0.learning_rate", lambda d: first(d).update(
        learning_rate=0)),
}  # fmt: skip


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(
    name: str, document: dict[str, Any]
) -> None:
    path, change = WRONG[name]
    changed = copy.deepcopy(document)
    change(changed)
    with pytest.raises(TransferError) as caught:
        exported.read(changed, exported.Limits())
    problem = caught.value.problems[0]
    assert path in problem.path
    assert len(str(problem.value)) < 100
    exported.read(copy.deepcopy(document), exported.Limits())


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (b'{"format": 1, "format": "loraone-experiment"}', 400, "'format' is named 2 times"),
        (b'{"a": {"b": 1, "b": 2}}', 400, "'b' is named"),
        (b'{"a": NaN}', 400, "cannot be read as JSON"),
        (b'{"a": -Infinity}', 400, "cannot be read as JSON"),
        (b"[" * 200_000, 400, "cannot be read as JSON"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "nests too deep"),
        (b'{"a": "\xff"}', 400, "cannot be read as JSON"),
        (b"{}", 422, "no exported experiment"),
        (b"[]", 422, "dictionary"),
    ],
)
def test_what_is_no_json_of_ours_is_a_problem(
    text: bytes, status: int, said: str, client: TestClient
) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/api/experiments/import", content=text, headers=headers)
    assert (answer.status_code, len(answer.content) < 2000) == (status, True)
    assert said in answer.json()["detail"]
    assert client.get("/api/experiments").json()["total"] == 0


def test_an_import_has_limits_and_needs_disk_space(
    tmp_path: Path, database_url: DatabaseUrl, document: dict[str, Any]
) -> None:
    def answered(**settings: Any) -> tuple[int, str]:
        home = tmp_path / str(len(list(tmp_path.iterdir())))
        made = Settings(home=home, database_url=database_url(home), **settings)
        server = TestClient(create_app(made), base_url="http://127.0.0.1:8111")
        answer = server.post("/api/experiments/import", json=document)
        assert server.get("/api/experiments").json()["total"] == 0
        return answer.status_code, answer.json()["detail"]

    assert answered(max_import_runs=2) == (
        422, "runs: 3 are too many")  # fmt: skip
    status, said = answered(max_import_rows=10)
    assert (status, "rows of results are too many" in said) == (422, True)
    status, said = answered(disk_stop_gb=10**6)
    assert (status, "LORAONE_DISK_STOP_GB" in said) == (507, True)
