"""What every earlier release stored is opened, listed, compared and reported by today's code.

``README.md`` says what the archive holds and how it was made. Numbers are those that the release
itself gave; a new schema or form of the specs is added there, and nothing in it is ever edited.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage import backups
from backend.web.app import create_app
from loraone import ExperimentSpec, expand
from loraone.spec import diff, stored
from loraone.spec.experiment import RunSpec

HERE = Path(__file__).parent
SCHEMAS = sorted(folder.name for folder in HERE.glob("schema-*"))
SPEC_FORMS = sorted(file.stem for file in (HERE / "specs").glob("*.json"))
SPEC_FILES = sorted(str(file.relative_to(HERE)) for file in HERE.glob("schema-*/*.yaml"))
EXPORTS = sorted(str(file.relative_to(HERE)) for file in HERE.glob("schema-*/experiment-*.json"))

# Said by today's code of stored numbers; wording may change, numbers may not.
NUMBERS = ("label", "method", "rank", "learning_rate", "finished", "runs")
LISTED = ("name", "status", "counts", "task", "model", "data", "methods")
# Columns that came with the history.
HISTORY = ("author", "starred", "archived", "tags")


def served(database: Path | None, home: Path) -> TestClient:
    """Today's server, without lanes, on a copy of a database."""
    home.mkdir(parents=True)
    if database is not None:
        shutil.copy(database, home / "loraone.db")
    settings = Settings(home=home, database_url=f"sqlite:///{home}/loraone.db")
    return TestClient(create_app(settings), base_url="http://127.0.0.1:8111")


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, f"{path} {query}: {answer.text}"
    return answer.json()


@pytest.fixture(scope="module", params=SCHEMAS)
def archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TestClient, dict[str, Any]]:
    """A server on the database of one schema, and what its own release said of it."""
    folder = HERE / request.param
    client = served(folder / "loraone.db", tmp_path_factory.mktemp("archive") / "home")
    then = json.loads((folder / "numbers.json").read_text())
    assert then["experiments"]
    assert then["runs"] and all(then["runs"].values())
    return client, then


Archive = tuple[TestClient, dict[str, Any]]


def test_the_history_lists_every_experiment_as_it_was(archive: Archive) -> None:
    client, then = archive
    now = {row["id"]: row for row in get(client, "/api/experiments", q="is:any")["experiments"]}
    for before in then["experiments"]:
        for name in (*LISTED, *(field for field in HISTORY if field in before)):
            assert now[before["id"]][name] == before[name], (before["id"], name)
    for query, ids in then.get("searches", {}).items():
        found = get(client, "/api/experiments", q=query)["experiments"]
        assert sorted(row["id"] for row in found) == sorted(ids), query


def test_every_run_has_its_results(archive: Archive) -> None:
    client, then = archive
    for key, runs in then["runs"].items():
        now = {run["id"]: run for run in get(client, f"/api/experiments/{key}")["runs"]}
        assert set(now) == {run["id"] for run in runs}
        for before in runs:
            for name in ("method", "label", "rank", "learning_rate", "seed", "status", "summary"):
                assert now[before["id"]][name] == before[name], (before["id"], name)
            detail = get(client, f"/api/runs/{before['id']}")
            assert detail["spec"]["method"]["name"] == before["method"]


def test_every_overview_has_the_same_numbers(archive: Archive) -> None:
    client, then = archive
    assert then["overview"]
    for name, before in then["overview"].items():
        items, _, judge = name.partition(" by ")
        now = get(client, "/api/overview", of=items.split(), judge=judge)
        for row, earlier in zip(now["rows"], before["rows"], strict=True):
            for key in NUMBERS:
                assert row[key] == earlier[key], (name, key)
            # A later release may show more columns, never other numbers.
            shown = {column: row["values"].get(column) for column in earlier["values"]}
            assert shown == earlier["values"], name


def test_figures_tables_reports_exports_and_templates_are_made_of_it(archive: Archive) -> None:
    client, then = archive
    figures = ("curves", "learning-rate", "heatmap", "step0", "cost", "alignment")
    for key in then["runs"]:
        for figure in figures:
            drawn = get(client, f"/api/figures/{figure}", of=[f"e{key}"])
            assert "layout" in drawn or "figure" in drawn
        report = client.get(f"/api/experiments/{key}/report.html")
        assert report.status_code == 200 and "<html" in report.text
        exported = client.get(f"/api/experiments/{key}/export.json")
        assert exported.status_code == 200
        again = client.post("/api/experiments/import", json=exported.json())
        assert again.status_code in (200, 201), again.text
    for runs in then["runs"].values():
        spec = get(client, f"/api/runs/{runs[0]['id']}/template")
        assert len(expand(ExperimentSpec.model_validate(spec))) == 1


def test_what_was_stored_differs_in_nothing_from_the_same_run_of_today(archive: Archive) -> None:
    client, then = archive
    for runs in then["runs"].values():
        for run in runs[:3]:
            document = get(client, f"/api/runs/{run['id']}")["spec"]
            today = RunSpec.model_validate(document).model_dump(mode="json")
            assert diff.between({"then": [document], "now": [today]}) == []


@pytest.mark.parametrize("form", SPEC_FORMS)
def test_every_form_of_the_specs_is_valid_and_read_as_what_it_was(form: str) -> None:
    examples = json.loads((HERE / "specs" / f"{form}.json").read_text())["specs"]
    assert examples
    for example in examples:
        spec = ExperimentSpec.model_validate(example["experiment"])
        run = RunSpec.model_validate(example["run"])
        for written, read in (
            (example["experiment"], stored.experiment(example["experiment"])),
            (example["run"], stored.run(example["run"])),
        ):
            assert read.runnable, read.problems
            assert [*written] == [name for name in read.document if name in written]
        assert stored.experiment(example["experiment"]).spec == spec
        assert run.label in {each.label for each in expand(spec)}


@pytest.mark.parametrize("name", SPEC_FILES)
def test_a_spec_file_of_any_release_can_be_run(
    name: str, archive_folder: Path, tmp_path: Path
) -> None:
    document = yaml.safe_load((HERE / name).read_text())
    spec = ExperimentSpec.model_validate(document)
    assert 1 <= len(expand(spec)) == spec.run_count
    assert stored.experiment(document).spec == spec


@pytest.fixture
def archive_folder() -> Iterator[Path]:
    """The archive as working folder: its specs name models and data relative to it."""
    before = Path.cwd()
    os.chdir(HERE)
    yield HERE
    os.chdir(before)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_of_any_release_is_imported_and_exported_again(name: str, tmp_path: Path) -> None:
    client = served(None, tmp_path / "home")
    document = json.loads((HERE / name).read_text())
    imported = client.post("/api/experiments/import", json=document)
    assert imported.status_code in (200, 201), imported.text
    key = imported.json()["id"]
    runs = get(client, f"/api/experiments/{key}")["runs"]
    assert [run["summary"] for run in runs] == [run["summary"] for run in document["runs"]]
    exported = client.get(f"/api/experiments/{key}/export.json").json()
    for now, then in zip(exported["runs"], document["runs"], strict=True):
        for table, rows in then["results"].items():
            assert len(now["results"][table]) == len(rows), table
    assert client.get(f"/api/experiments/{key}/report.html").status_code == 200


def test_a_backup_of_an_earlier_release_is_restored(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home, database_url=f"sqlite:///{home}/loraone.db")
    restored = backups.restore(settings, HERE / "schema-0004" / "backup.tar")
    client = TestClient(create_app(settings), base_url="http://127.0.0.1:8111")
    listed = get(client, "/api/experiments", q="is:any")["experiments"]
    assert len(listed) == restored.experiments
    kept = [run for run in get(client, "/api/experiments/1")["runs"] if run["has_adapter"]]
    assert kept
    adapter = client.get(f"/api/runs/{kept[0]['id']}/adapter.zip")
    assert adapter.status_code == 200 and adapter.content.startswith(b"PK")
