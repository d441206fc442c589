"""What comes in is seen as a whole or not at all, keeps nobody out, and leaves nothing behind."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage import backups
from backend.storage.database import Database
from backend.storage.store import changes, exported, incoming, transfer
from backend.storage.tables import Experiment, Note, Run
from backend.web.app import create_app
from tests.busy import busy
from tests.conftest import DatabaseUrl


@pytest.fixture
def large(document: dict[str, Any]) -> bytes:
    """An experiment of many runs and rows, which takes seconds to store."""
    run = copy.deepcopy(document["runs"][0])
    run["results"]["metrics"] = [
        {"name": "train_loss", "step": step, "value": 1.0, "seconds": 0.5, "tokens": step}
        for step in range(30)
    ]
    return json.dumps(document | {"runs": [run] * 1000}).encode()


def test_others_write_while_a_large_one_comes_in_and_see_none_of_it_before_all_is_there(
    tmp_path: Path, database_url: DatabaseUrl, large: bytes
) -> None:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, database_url=database_url(home)))
    server = TestClient(app, base_url="http://127.0.0.1:8111")
    database: Database = app.state.database
    taken: list[transfer.Taken] = []
    bringing = threading.Thread(
        target=lambda: taken.append(transfer.load(database, json.loads(large), exported.Limits()))
    )
    bringing.start()
    waits, seen, counted = [], set(), 0
    while bringing.is_alive():
        begun = time.monotonic()
        with database.write() as session:  # as a lane that stores what a run has measured
            changes.add_lanes(session)
        waits.append(time.monotonic() - begun)
        listed = server.get("/api/experiments", params={"q": "is:any"}).json()["experiments"]
        seen |= {row["counts"]["succeeded"] for row in listed}
        counted = max(counted, server.get("/api/server").json()["runs"])
    bringing.join()
    assert len(waits) > 5
    # PostgreSQL is beside the tests on the same cores.
    assert max(waits) < (6 if database.shared else 2) * busy(), "seconds"
    assert seen <= {1000} and counted in (0, 1000)
    assert server.get(f"/api/experiments/{taken[0].key}").json()["counts"]["succeeded"] == 1000
    with database.read() as session:
        stored = session.get_one(Run, 1000)
        assert (stored.phase, stored.lane, stored.heartbeat_at) == (None, None, None)


BRING = """
import json
import sys
from pathlib import Path
from backend.storage.database import Database
from backend.storage.store import exported, transfer
database = Database(sys.argv[1])
database.migrate()
print("begun", flush=True)
transfer.load(database, json.loads(Path(sys.argv[2]).read_bytes()), exported.Limits())
"""


@pytest.mark.parametrize("restarted", [True, False])
def test_what_a_killed_import_has_left_is_unseen_and_taken_away(
    restarted: bool, tmp_path: Path, database_url: DatabaseUrl, large: bytes,
    document: dict[str, Any],
) -> None:  # fmt: skip
    home = tmp_path / "home"
    settings = Settings(home=home, database_url=database_url(home))
    app = create_app(settings)
    file = tmp_path / "large.json"
    file.write_bytes(large)
    database: Database = app.state.database
    process = subprocess.Popen([sys.executable, "-c", BRING, settings.url, str(file)])
    end = time.monotonic() + 60
    while not left(database):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    count = left(database)
    assert count > 0
    server = TestClient(app, base_url="http://127.0.0.1:8111")
    assert server.get("/api/experiments?q=is:any").json()["total"] == 0
    assert server.get("/api/queue").json()["failed"] == []
    if restarted:
        server = TestClient(create_app(settings), base_url="http://127.0.0.1:8111")
    else:
        assert server.post("/api/experiments/import", json=document).status_code == 201
    assert left(database) == 0
    assert server.get("/api/experiments?q=is:any").json()["total"] == (0 if restarted else 1)


def left(database: Database) -> int:
    with database.read() as session:
        runs = session.query(Run).filter(Run.status == "importing").count()
        return runs and runs + session.query(Experiment).count()


def test_what_another_living_process_brings_is_left_alone(
    tmp_path: Path, database_url: DatabaseUrl, document: dict[str, Any]
) -> None:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, database_url=database_url(home)))
    database: Database = app.state.database
    with database.write() as session:
        key = incoming._begin(session, exported.read(copy.deepcopy(document), exported.Limits()))
        read = exported.read(copy.deepcopy(document), exported.Limits())
        incoming._add_runs(session, key, read.runs)
    server = TestClient(app, base_url="http://127.0.0.1:8111")
    for path in (f"experiments/{key}", f"basket?of=e{key}", "basket?of=r1", "runs/1"):
        assert server.get(f"/api/{path}").status_code == 404, path
    for path in ("runs/1/retry", "runs/1/cancel", "runs/1/top"):
        assert server.post(f"/api/{path}").status_code == 404, path
    assert server.patch(f"/api/experiments/{key}", json={"name": "mine"}).status_code == 404
    assert incoming.sweep(database) == 0
    assert incoming.sweep(database, starting=True) == 1
    with database.read() as session:
        assert session.query(Run).count() == session.query(Note).count() == 0


@pytest.mark.sqlite
def test_a_backup_that_was_made_in_the_middle_of_one_is_restored_without_it(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    settings, other = Settings(home=tmp_path / "home"), Settings(home=tmp_path / "other")
    database: Database = create_app(settings).state.database
    with database.write() as session:
        read = exported.read(copy.deepcopy(document), exported.Limits())
        incoming._add_runs(session, incoming._begin(session, read), read.runs)
    backups.write(settings, tmp_path / "backup.tar", adapters=False)
    backups.restore(other, tmp_path / "backup.tar")
    server = TestClient(create_app(other), base_url="http://127.0.0.1:8111")
    assert server.get("/api/experiments?q=is:any").json()["total"] == 0
    assert left(server.app.state.database) == 0  # type: ignore[attr-defined]
