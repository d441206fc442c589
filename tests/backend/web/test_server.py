"""Where the server listens, and where it refuses to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from backend.settings import Settings
from backend.storage.database import Database
from backend.web.server import ServerError, serve
from backend.web.sockets import listen
from tests.backend.conftest import Start
from tests.conftest import tiny_experiment


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(ServerError, match=r"'0\.0\.0\.0' is not allowed.*127\.0\.0\.1") as caught:
        serve(settings, lambda app, url: None)
    # And how it is done: the two commands.
    assert "'loraone user add NAME --role administrator'" in str(caught.value)
    serves = "'LORAONE_AUTH=local LORAONE_PUBLIC_URL=http://NAME:8111 loraone serve --host 0.0.0.0'"
    assert serves in str(caught.value)


def test_a_taken_port_gives_the_next_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with listen(Settings(home=tmp_path, port=port)) as listening:
            assert listening is not None
            assert port < listening.getsockname()[1] <= port + 20


def test_settings_come_from_the_environment_with_a_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORAONE_PORT", "9000")
    monkeypatch.setenv("LORAONE_ALLOWED_ROOTS", f"{tmp_path}/a:{tmp_path}/b")
    settings = Settings()
    assert settings.port == 9000
    assert settings.roots == [settings.home / "data", tmp_path / "a", tmp_path / "b"]
    monkeypatch.setenv("LORAONE_PORT", "99999")
    with pytest.raises(ValidationError, match="65535"):
        Settings()


@pytest.mark.parametrize("name", ["LORAONE_BENCHMARK_DEVICE", "LORAONE_CALIBRATE"])
def test_a_setting_that_was_renamed_is_read_under_both_names(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in ("LORAONE_BENCHMARK_DEVICE", "LORAONE_CALIBRATE"):
        monkeypatch.delenv(known, raising=False)
    assert Settings().benchmark_device
    monkeypatch.setenv(name, "false")
    assert not Settings().benchmark_device


def test_a_newer_database_is_refused_in_a_sentence_by_server_and_commands(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'loraone.db'}"
    database = Database(url)
    database.migrate()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for command in (["serve", "--port", "0"], ["report", "1"]):
        refused = subprocess.run(
            [sys.executable, "-m", "backend.cli", *command, "--home", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LORAONE_DATABASE_URL": url},
        )
        assert refused.returncode == 2
        assert "schema 9999, which this release does not know" in " ".join(refused.stderr.split())
        assert "Traceback" not in refused.stderr


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://ana:secret@127.0.0.1:1/lab"
    with pytest.raises(
        ServerError, match=r"ana:\*\*\*@127\.0\.0\.1:1/lab cannot be used"
    ) as caught:
        serve(Settings(home=tmp_path, port=0, database_url=url), lambda app, url: None)
    assert "secret" not in str(caught.value)


def test_a_loop_that_another_package_has_brought_along_is_not_used(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "uvloop.py").write_text("raise RuntimeError('used')")
    server = start(PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert server.get("/api/health")["status"] == "ok"


def test_ctrl_c_in_the_middle_of_a_run_ends_all_processes_without_a_complaint(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    server = start()
    server.http.post("/api/theory/warm")
    training = {"steps": 2000, "batch_size": 8, "warmup_steps": 1, "eval_every": 50}
    spec = tiny_experiment(tiny_models["bert"], texts_csv, training=training)
    key = server.post("/api/experiments", spec)["id"]
    server.wait(lambda: server.training(key))
    family = psutil.Process(server.process.pid)
    for process in (*family.children(recursive=True), family):
        process.send_signal(signal.SIGINT)  # as a terminal does
    said, _ = server.process.communicate(timeout=30)
    assert not [word for word in ("leaked", "Traceback") if word in said], said
