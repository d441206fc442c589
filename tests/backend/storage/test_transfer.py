"""An experiment goes from one server to another without loss, and a bad file changes nothing."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.scheduling.mirroring import Mirroring
from backend.settings import Settings
from backend.storage.store import experiments, queue, results
from backend.storage.tables import Run, SpectrumRow
from backend.web.app import create_app
from loraone.events import (
    Alignment,
    Event,
    Finished,
    InitReport,
    Layers,
    Metric,
    Note,
    Overlap,
    Spectra,
    Started,
)
from loraone.spec import stored
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

ARRAY = np.array([[0.5, np.nan]], np.float32)
EVENTS: list[Event] = [
    Started({"device": "CPU"}),
    Layers(("a.0.q",), (4,), (5,)),
    Note("careful"),
    Spectra("a.0.q", "gradient", np.array([2, 1], np.float32), {"sigma1": 2.0, "gap": None}),
    Spectra("a.0.q", "weight", np.array([2, 1], np.float32), {"effective_rank": 1.7}, 1, 0.25),
    InitReport({"relative": np.array([0.1], np.float32)}, {"held_out_loss_before": 1.0}),
    Metric(1, {"eval_loss": 1.5}, 0.5, 10),
    Alignment(1, ARRAY, ARRAY, np.array([0.3], np.float32)),
    Overlap(1, ARRAY[:, :1, None], ARRAY[:, 1:, None]),
    Finished({"eval_loss": 1.5, "gamma": None}),
]


def client(folder: Path, user: str, url: str) -> TestClient:
    app = create_app(Settings(home=folder, user=user, database_url=url))
    return TestClient(app, base_url="http://127.0.0.1:8111")  # no lifespan: nothing runs


@pytest.fixture
def there(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[TestClient]:
    found = client(tmp_path / "there", "ana", database_url(tmp_path / "there"))
    database = found.app.state.database  # type: ignore[attr-defined]
    spec = ExperimentSpec.model_validate({"name": "Far away", "methods": ["lora", "lora_one"]})
    with database.write() as session:
        row = experiments.create(session, spec, "ana")
        experiments.set_tags(session, row.id, ["paper"])
        row.starred = True
        run = queue.claim(session, "CPU")
        assert run is not None
        for seq, event in enumerate(EVENTS):
            assert results.append(session, run.id, run.attempt, seq, event, Path("/artifacts"))
    found.post("/api/experiments/1/notes", json={"text": "first", "base": 0})
    found.post("/api/experiments/1/notes", json={"text": "second", "base": 1})
    yield found
    database.close()


@pytest.fixture
def here(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[TestClient]:
    found = client(tmp_path / "here", "bo", database_url(tmp_path / "here"))
    found.post("/api/experiments", json={"methods": ["lora"]})  # so that ids differ
    yield found
    found.app.state.database.close()  # type: ignore[attr-defined]


def exported(server: TestClient, key: int = 1) -> dict[str, Any]:
    answer = server.get(f"/api/experiments/{key}/export.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def test_what_was_exported_comes_in_and_goes_out_the_same(
    there: TestClient, here: TestClient
) -> None:
    document = exported(there)
    answer = here.post("/api/experiments/import", json=document)
    assert answer.status_code == 201, answer.text
    key = answer.json()["id"]
    assert key == 2
    again = exported(here, key)
    ended, waiting = document["runs"]
    assert again["runs"][0] == ended
    assert again["runs"][1]["status"] == "cancelled"
    assert "exported" in again["runs"][1]["reason"]
    for part in ("experiment", "tags", "notes"):
        assert again[part] == document[part]
    drawn = here.get(f"/api/figures/alignment?of=e{key}&format=csv").text
    assert drawn == there.get("/api/figures/alignment?of=e1&format=csv").text
    assert [note["text"] for note in here.get(f"/api/experiments/{key}/notes").json()] == [
        "second",
        "first",
    ]
    assert waiting["status"] == "queued"


def test_nothing_that_is_retried_goes_to_trackers_that_somebody_elsewhere_chose(
    there: TestClient, here: TestClient
) -> None:
    document = exported(there)
    document["experiment"]["spec"]["report_to"] = ["tensorboard", "a tracker of a later release"]
    answer = here.post("/api/experiments/import", json=copy.deepcopy(document)).json()
    (said,) = answer["left_out"]
    assert "report_to (tensorboard, a tracker of a later release)" in said
    detail = here.get(f"/api/experiments/{answer['id']}").json()
    assert detail["spec"]["report_to"] == []  # as a template it asks for none
    assert detail["problems"] == []
    assert here.post(f"/api/runs/{detail['runs'][1]['id']}/retry").status_code == 200
    app: Any = here.app
    mirroring = Mirroring(app.state.database, app.state.settings)
    with app.state.database.read() as session:
        run = session.get_one(Run, detail["runs"][1]["id"])
        assert run.status == "queued"
        assert mirroring.asked(session, run, stored.run(run.spec).spec) is None
    again = exported(here, answer["id"])
    document["experiment"]["spec"]["report_to"] = []
    assert again["experiment"] == document["experiment"]  # and nothing else is


def test_of_one_that_asked_for_no_trackers_nothing_is_left_out(
    there: TestClient, here: TestClient
) -> None:
    answer = here.post("/api/experiments/import", json=exported(there))
    assert answer.json()["left_out"] == []


def test_a_scalar_that_is_no_number_goes_out_as_one_that_there_is_not(
    there: TestClient, here: TestClient
) -> None:
    database = there.app.state.database  # type: ignore[attr-defined]
    with database.write() as session:
        gradient = select(SpectrumRow).where(SpectrumRow.quantity == "gradient")
        session.scalars(gradient).one().sigma1 = math.inf
    document = exported(there)
    assert document["runs"][0]["results"]["spectra"][0]["sigma1"] is None
    assert here.post("/api/experiments/import", json=document).status_code == 201


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("format",), "other", "format"),
        (("version",), 9, "version"),
        (("experiment", "name"), 7, "experiment.name"),
        (("experiment", "name"), "x" * 300, "experiment.name"),
        (("experiment", "spec"), {"methods": ["nothing"]}, "experiment.spec.methods"),
        (("experiment", "shell"), "rm", "experiment.shell"),
        (("tags",), [1], "tags"),
        (("runs", 0, "seed"), "0", "runs.0.seed"),
        (("runs", 0, "results", "spectra", 0, "values"), "not base64!", "spectra.0.values"),
        (("runs", 0, "results", "artifacts"), [{"path": "../../etc"}], "runs.0.results"),
        (("runs", 1, "queued_at"), "yesterday", "runs.1.queued_at"),
    ],
)
def test_a_part_that_is_wrong_is_named_and_nothing_is_kept(
    there: TestClient, here: TestClient, path: tuple[Any, ...], value: Any, where: str
) -> None:
    document = copy.deepcopy(exported(there))
    *steps, last = path
    node: Any = document
    for step in steps:
        node = node[step]
    node[last] = value
    answer = here.post("/api/experiments/import", json=document)
    assert answer.status_code == 422, answer.text
    assert where in answer.json()["errors"][0]["path"]
    assert here.get("/api/experiments").json()["total"] == 1


def test_an_export_is_plain_json_without_files_or_paths_of_this_machine(
    there: TestClient, tmp_path: Path
) -> None:
    text = json.dumps(exported(there))
    assert str(tmp_path) not in text
    assert "artifacts" not in text


@pytest.mark.sqlite
def test_the_command_line_exports_and_imports_without_a_server(
    there: TestClient, tmp_path: Path
) -> None:
    def loraone(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backend.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    file, home = tmp_path / "one.json", tmp_path / "elsewhere"
    written = loraone("export", "1", "--output", str(file), "--home", str(tmp_path / "there"))
    assert written.returncode == 0, written.stderr
    assert json.loads(file.read_text()) == there.get("/api/experiments/1/export.json").json()
    document = json.loads(file.read_text())
    document["experiment"]["spec"]["report_to"] = ["tensorboard"]
    file.write_text(json.dumps(document))
    taken = loraone("import", str(file), "--home", str(home))
    assert "stored as experiment 1" in taken.stderr
    assert "report_to (tensorboard) is left out" in taken.stderr
    document["experiment"]["spec"]["report_to"] = []
    file.write_text(json.dumps(document))
    again = tmp_path / "two.json"
    loraone("export", "1", "--output", str(again), "--home", str(home))
    # The second run waits in a queue of its own there; the first is what it was.
    one, two = (json.loads(path.read_text()) for path in (file, again))
    assert two["runs"][0] == one["runs"][0]
    assert {**two, "runs": []} == {**one, "runs": []}
    file.write_text(file.read_text().replace('"runs"', '"ruins"', 1).replace('"name"', '"nome"', 1))
    broken = loraone("import", str(file), "--home", str(home))
    assert broken.returncode == 2
    assert "nome" in broken.stderr
    assert loraone("export", "2", "--home", str(home)).returncode == 2, "nothing of it was kept"
    for arguments, said in (
        (("export", "1", "--home", str(tmp_path)), "no database"),
        (("import", str(tmp_path / "nothing.json")), "cannot be read"),
    ):
        wrong = loraone(*arguments)
        assert wrong.returncode == 2
        assert said in wrong.stderr.replace("\n", " ")
