"""What is damaged in the database is shown as damaged, and takes no page with it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.web.app import create_app
from tests.backend.every_view import broken

ARCHIVE = Path(__file__).parents[2] / "archive" / "schema-0004" / "loraone.db"

# A table's column, and what a hostile import, or a hand, may have left there.
DAMAGES: dict[str, list[Any]] = {
    "runs.error": ["{}", "[]", '{"code": 1, "message": null}', '{"code": "a"}', '"text"'],
    "runs.finished_at": ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000000", None],
    "runs.started_at": ["9999-12-31 23:59:59.999999", None],
    "runs.queued_at": ["0001-01-01 00:00:00.000000"],
    "runs.summary": ['{"eval_loss": "low"}', "[]", '{"eval_loss": NaN, "accuracy": Infinity}',
                     '{"eval_loss": {"a": 1}}', f'{{"eval_loss": 1{"0" * 400}}}', "3", None,
                     '{"eval_loss": [1], "memory_bytes": "x"}', '{"\\ud800": 1}'],
    "runs.init_scalars": ['{"eval_loss_before": "x"}', "[]", '{"held_out_loss_after": null}'],
    "runs.layers": ["{}", '{"names": 3}', "[]", '{"names": ["a"], "out_features": [], '
                    '"in_features": [1]}', None,
                    '{"names": ["a", "b", "c"], "out_features": [1, 1, 1], '
                    '"in_features": [1, 1, 1]}'],
    "runs.notes": ['{"a": 1}', "[1, null]", '"x"', '["\\ud800"]', "null"],
    "runs.environment": ["[]", '{"packages": [1]}', '{"packages": 7}', '{"device": 3}',
                         '{"a": "\\udfff"}'],
    "runs.spec": ["{}", "[]", "3", '{"method": 7}', '{"method": {"name": 3}}', '{"model": [1]}',
                  '{"version": "x"}', '{"training": null, "method": null}'],
    "runs.learning_rate": [9e999, -1.0, 0.0],
    "runs.rank": [-1, 0, 2**40, None],
    "runs.seed": [-(2**40)],
    "runs.status": ["won"],
    "runs.label": ["", "a\nb", "=1+1"],
    "experiments.spec": ["[]", "3", "{}", '{"methods": 3}', '{"methods": [7]}', '{"model": null}'],
    "experiments.created_at": ["9999-12-31 23:59:59.999999", "0001-01-01 00:00:00.000000"],
    "experiments.task": ["poetry"],
    "spectra.values": [b"", b"\0", b"\0" * 400, b"\xff" * 16],
    "spectra.layer": [-5],
    "spectra.sigma1": [9e999],
    "alignments.left": [b"", b"\0\0\0", b"\0" * 400],
    "alignments.energy": [b"", b"\0" * 400],
    "alignments.rank": [0, -1, 3, 2**40],
    "overlaps.left": [b"", b"\0" * 400],
    "experiments.best": ["{}", "[]", "3", '{"label": 1}'],
    "overlaps.size": [0, -1, 3, 2**40],
    "layer_columns.values": [b"", b"\0", b"\0" * 400],
    "metrics.value": [9e999],
    "metrics.seconds": [-9e999],
    "metrics.tokens": [-5],
    "notes.text": ["> " * 50_000],
}  # fmt: skip

# So many columns are damaged at a time.
TOGETHER = 7


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of an earlier release, brought up to date."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copy(ARCHIVE, folder / "loraone.db")
    server(folder).app.state.database.close()  # type: ignore[attr-defined]
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "home")


def server(home: Path) -> TestClient:
    settings = Settings(home=home, database_url=f"sqlite:///{home}/loraone.db")
    return TestClient(create_app(settings), base_url="http://127.0.0.1:8111")


def damage(home: Path, column: str, value: Any, where: str = "1 = 1") -> None:
    name, _, field = column.partition(".")
    with sqlite3.connect(home / "loraone.db") as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(f'UPDATE OR IGNORE {name} SET "{field}" = ? WHERE {where}', (value,))
    connection.close()


@pytest.mark.sqlite
@pytest.mark.cases(4)
@pytest.mark.parametrize("first", range(0, len(DAMAGES), TOGETHER))
def test_no_view_fails_whatever_columns_hold(first: int, home: Path) -> None:
    """Each value stands in some of the rows, all of them in one database."""
    columns = [*DAMAGES][first : first + TOGETHER]
    pairs = [(column, value) for column in columns for value in DAMAGES[column]]
    for i, (column, value) in enumerate(pairs):
        damage(home, column, value, f"rowid % {len(pairs)} = {i}")
    client = server(home)
    failed = [said for key in (1, 2) for said in broken(client, key)]
    assert not failed, f"{columns}:\n" + "\n".join(failed)


@pytest.mark.sqlite
def test_what_was_damaged_under_an_earlier_release_is_brought_up_to_date(tmp_path: Path) -> None:
    shutil.copy(ARCHIVE, tmp_path / "loraone.db")
    pairs = [(column, value) for column in DAMAGES for value in DAMAGES[column]]
    for i, (column, value) in enumerate(pairs):
        if column != "experiments.best":
            damage(tmp_path, column, value, f"rowid % {len(pairs) // 3} = {i % (len(pairs) // 3)}")
    client = server(tmp_path)
    failed = [said for key in (1, 2) for said in broken(client, key)]
    assert not failed, "\n".join(failed)


@pytest.mark.sqlite
def test_a_damaged_run_is_listed_as_damaged_and_the_others_as_they_were(home: Path) -> None:
    before = {run["id"]: run for run in server(home).get("/api/experiments/2").json()["runs"]}
    failed = next(key for key, run in before.items() if run["status"] == "failed")
    good = [key for key, run in before.items() if run["status"] == "succeeded"]
    damage(home, "runs.error", "{}", f"id = {failed}")
    damage(home, "runs.finished_at", "9999-12-31 23:59:59.999999", f"id = {failed}")
    damage(home, "runs.summary", '{"eval_loss": "low", "accuracy": 0.5}', f"id = {good[0]}")
    client = server(home)
    assert client.get("/api/queue").json()["failed"][0]["error"]["code"] == "damaged"
    runs = {run["id"]: run for run in client.get("/api/experiments/2").json()["runs"]}
    assert runs[failed]["error"]["message"].startswith("stored data is damaged")
    shown = runs[good[0]]
    assert shown["summary"]["eval_loss"] is None and shown["summary"]["accuracy"] == 0.5
    assert shown["warnings"][0].startswith("Warning: stored data is damaged: summary")
    for key in good[1:]:
        assert runs[key] == before[key]
    exported = client.get("/api/experiments/2/export.json").json()
    with sqlite3.connect(home / "loraone.db") as connection:
        kept = connection.execute("SELECT error FROM runs WHERE id = ?", (failed,)).fetchone()[0]
    assert json.loads(kept) == {}, "reading changes nothing"
    assert exported["runs"][[*before].index(failed)]["error"]["code"] == "damaged"


@pytest.mark.sqlite
def test_what_cannot_be_read_of_a_spec_is_not_launched_as_something_else(home: Path) -> None:
    damage(home, "runs.spec", "[]")
    damage(home, "experiments.spec", "3")
    client = server(home)
    detail = client.get("/api/experiments/2").json()
    assert detail["problems"][0]["path"] == "version"
    run = detail["runs"][0]["id"]
    assert client.get(f"/api/runs/{run}/template").status_code == 422
    assert client.post(f"/api/runs/{run}/retry").status_code == 422


@pytest.mark.sqlite
@pytest.mark.cases(2)
@pytest.mark.parametrize("value", [1.5e308, -1.5e308, 1e160, 5e-324])
def test_numbers_at_the_ends_of_what_a_float_holds_fail_no_view(home: Path, value: float) -> None:
    """Their sums and squares are no numbers any more."""
    with sqlite3.connect(home / "loraone.db") as connection:
        names = {row[0] for row in connection.execute("SELECT DISTINCT name FROM metrics")}
    summary = dict.fromkeys([*names, "train_seconds", "memory_bytes"], value)
    damage(home, "runs.summary", json.dumps(summary), "status = 'succeeded'")
    damage(home, "metrics.value", value)
    damage(home, "experiments.settled", 0)
    client = server(home)
    failed = [said for key in (1, 2) for said in broken(client, key)]
    for judge in sorted(names):
        failed += [
            path
            for path in ("/api/overview", "/api/figures/learning-rate", "/api/figures/curves")
            if client.get(path, params={"of": "e2", "judge": judge}).status_code >= 500
        ]
    assert not failed, "\n".join(failed)
