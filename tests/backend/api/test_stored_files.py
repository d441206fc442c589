"""What a row of the database names is served where it is a plain file in its place, or not."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.storage.store import experiments
from backend.storage.tables import ArtifactRow, Run
from loraone.spec.experiment import ExperimentSpec

SPEC = ExperimentSpec.model_validate(
    {"name": "Kept", "task": "teacher-student", "methods": ["lora"], "grid": {}}
)
SECRET = b"not for anybody"


@pytest.fixture
def home(app: FastAPI) -> Path:
    """The data folder of a server with one run, whose adapter and log lie where they should."""
    home: Path = app.state.settings.home
    with app.state.database.write() as session:
        experiments.create(session, SPEC)
    adapter = home / "artifacts" / "1" / "1" / "adapter"
    (adapter / "more").mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"abc")
    (adapter / "more" / "config.json").write_bytes(b"{}")
    (home / "logs" / "1").mkdir(parents=True)
    (home / "secret").mkdir()
    (home / "secret" / "key.pem").write_bytes(SECRET)
    return home


def name(app: FastAPI, path: str) -> None:
    """Let the row of the run's adapter name a path."""
    with app.state.database.write() as session:
        session.add(
            ArtifactRow(run_id=1, name="adapter", path=path, bytes=3, max_error=0.0, verified=True)
        )


def test_an_adapter_is_served_whole_even_with_times_that_no_zip_can_have(
    app: FastAPI, client: TestClient, home: Path
) -> None:
    name(app, "1/1/adapter")
    os.utime(home / "artifacts/1/1/adapter/adapter_model.safetensors", (0, 0))
    served = client.get("/api/runs/1/adapter.zip")
    assert served.status_code == 200
    assert served.headers["content-disposition"] == 'attachment; filename="adapter-run-1.zip"'
    with zipfile.ZipFile(io.BytesIO(served.content)) as packed:
        assert packed.testzip() is None
        assert {file: packed.read(file) for file in packed.namelist()} == {
            "adapter_model.safetensors": b"abc",
            "more/config.json": b"{}",
        }
    assert [file.name for file in home.glob("**/*.zip")] == []


ELSEWHERE = [
    "../secret",
    "1/../../secret",
    "/{home}/secret",
    "{home}/secret",
    "..",
    ".",
    "",
    "1/1/adapter\0",
    "1/1/\x1badapter",
    "a" * 300,
    "1/" * 3000,
    "link",
    "further/secret",
    "inner/1/adapter",
]


def test_a_path_that_leads_elsewhere_is_refused(
    app: FastAPI, client: TestClient, home: Path
) -> None:
    (home / "artifacts" / "link").symlink_to(home / "secret")
    (home / "artifacts" / "further").symlink_to(home)
    (home / "artifacts" / "inner").symlink_to(home / "artifacts" / "1")
    name(app, "1/1/adapter")
    database = app.state.database
    # PostgreSQL keeps no NUL.
    kept = [path for path in ELSEWHERE if not (database.shared and "\0" in path)]
    for path in kept:
        with app.state.database.write() as session:
            session.get_one(ArtifactRow, (1, "adapter")).path = path.format(home=home)
        refused = client.get("/api/runs/1/adapter.zip")
        assert refused.status_code in (404, 409), (path, refused.text)
        assert refused.headers["content-type"] == "application/problem+json"
        assert SECRET not in refused.content, path


def symlink(target: Path, home: Path) -> None:
    target.symlink_to(home / "secret" / "key.pem")


def folder_link(target: Path, home: Path) -> None:
    target.symlink_to(home / "secret")


def pipe(target: Path, home: Path) -> None:
    os.mkfifo(target)


def device(target: Path, home: Path) -> None:
    target.symlink_to("/dev/zero")


def plug(target: Path, home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        was = Path.cwd()
        os.chdir(target.parent)  # the name of a socket must be short
        listening.bind(target.name)
        os.chdir(was)


ODD = [symlink, folder_link, pipe, device, plug]


def test_an_adapter_with_what_is_no_plain_file_is_refused(
    app: FastAPI, client: TestClient, home: Path
) -> None:
    name(app, "1/1/adapter")
    target = home / "artifacts/1/1/adapter/more/odd"
    for odd in ODD:
        odd(target, home)
        refused = client.get("/api/runs/1/adapter.zip")
        assert refused.status_code == 409, odd
        assert "more/odd is no plain file" in refused.json()["detail"]
        target.unlink()


def test_a_name_that_is_not_utf_8_is_refused_and_counted(
    app: FastAPI, client: TestClient, home: Path
) -> None:
    name(app, "1/1/adapter")
    with open(os.fsencode(home / "artifacts/1/1/adapter") + b"/\xff.bin", "wb") as file:  # noqa: PTH123
        file.write(b"12345")
    assert client.get("/api/runs/1/adapter.zip").status_code == 409
    assert client.get("/api/server").json()["artifacts_bytes"] == 3 + 2 + 5


def test_a_log_is_a_plain_file_and_shown_up_to_what_a_worker_keeps(
    client: TestClient, home: Path
) -> None:
    for odd in ODD:
        odd(home / "logs/1/1.log", home)
        refused = client.get("/api/runs/1/log")
        assert refused.status_code == 409, odd
        assert "1.log" in refused.json()["detail"]
        (home / "logs/1/1.log").unlink()
    with (home / "logs/1/1.log").open("wb") as file:
        file.truncate(10**10)
    shown = client.get("/api/runs/1/log").json()
    assert len(shown["text"]) == 2_000_000


def test_odd_names_among_the_logs_are_no_attempts(client: TestClient, home: Path) -> None:
    for odd in ("01.log", "0.log", "²³.log", "x.log", f"{'9' * 200}.log", "2.log"):
        (home / "logs" / "1" / odd).write_text("said")
    assert client.get("/api/runs/1/log").json()["attempts"] == [2]


def test_nothing_of_a_run_is_found_through_a_linked_folder_of_logs(
    app: FastAPI, client: TestClient, home: Path
) -> None:
    (home / "secret" / "1.log").write_bytes(SECRET)
    (home / "logs" / "1").rmdir()
    (home / "logs" / "1").symlink_to(home / "secret")
    refused = client.get("/api/runs/1/log")
    assert refused.status_code == 409
    assert SECRET not in refused.content
    with app.state.database.read() as session:
        assert session.get_one(Run, 1).status == "queued"
