"""Real trackers read back what they were told; none of them holds up who tells them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from loraone.catalog import TRACKERS
from loraone.events import Event, Metric
from loraone.spec.experiment import RunSpec
from loraone.tracking.mirror import Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.process import Limits
from tests.loraone.tracking.conftest import FAILED, Mirrored, events, wait
from tests.loraone.tracking.read_back import mlflow_runs, scalars, texts

GROUP = "5 A_B_s test"
PASSWORD = "p%40ss-word"


def test_tensorboard_and_mlflow_have_the_run_with_its_steps_settings_end_and_link(
    mirrored: Mirrored, folder: Path, spec: RunSpec
) -> None:
    assert mirrored(["tensorboard", "mlflow"]) == []
    title = f"7 {spec.title}"
    board = folder / "tensorboard" / GROUP / title
    assert scalars(board, "train_loss") == {1: 1.0, 2: 0.5, 4: 0.25}
    assert scalars(board, "train_seconds") == {1: 0.5, 2: 1.0, 4: 2.0}
    assert scalars(board, "init/loss_before") == {0: 1.5}
    assert scalars(board, "final/eval_loss") == {4: 0.25}
    assert texts(board, "loraone.status") == ["succeeded"]
    hyperparameters = next(board.glob("*/hparams.yml")).read_text()
    assert "method: LoRA" in hyperparameters
    assert "loraone.url: https://lab.example.org/experiments/5" in hyperparameters
    (run,) = mlflow_runs(folder / "mlruns", GROUP)
    assert run.info.run_name == title
    assert run.info.status == "FINISHED"
    asked = {"method": "LoRA", "rank": "8", "seed": "3", "learning_rate": "0.001"}
    assert asked.items() <= run.data.params.items()
    assert run.data.metrics["final/eval_loss"] == 0.25
    assert run.data.tags["loraone.run_id"] == "7"
    assert run.data.tags["loraone.experiment"] == "A/B's test"
    assert run.data.tags["loraone.url"] == "https://lab.example.org/experiments/5"


@pytest.mark.parametrize(
    ("its", "run_id", "there", "here"),
    [
        (events(FAILED), 8, "FAILED", "failed"),
        (events()[:-1], 9, "KILLED", "interrupted"),  # cancelled, or its worker was lost
    ],
)
def test_a_run_that_does_not_succeed_ends_so_there(
    mirrored: Mirrored, folder: Path, its: list[Event], run_id: int, there: str, here: str
) -> None:
    assert mirrored(["tensorboard", "mlflow"], its, run_id) == []
    (board,) = (folder / "tensorboard" / GROUP).glob(f"{run_id} *")
    assert texts(board, "loraone.status") == [here]
    tags = {run.data.tags["loraone.run_id"]: run for run in mlflow_runs(folder / "mlruns", GROUP)}
    assert tags[str(run_id)].info.status == there


def test_one_that_hangs_is_given_up_and_keeps_neither_the_run_nor_other_trackers(
    tmp_path: Path, spec: RunSpec, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@{silent}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    mirrors = Mirrors(tmp_path, limits=Limits(begin_s=0.5), grace_s=3)
    said: list[str] = []
    began = time.monotonic()
    mirror = mirrors.begin(Origin.of(spec, "hangs"), ["mlflow", "tensorboard"], said.append)
    assert mirror is not None
    *its, end = events()
    mirror.tell_all(its)
    assert time.monotonic() - began < 0.5, "whoever runs waits for nothing"
    board = tmp_path / "tensorboard" / "hangs" / spec.title
    wait(lambda: 4 in scalars(board, "train_loss"))
    ended = time.monotonic()
    mirror.tell(end)
    mirror.end()
    assert time.monotonic() - ended < 0.5
    mirrors.wait(60)
    mirrors.stop(0)
    assert time.monotonic() - ended < 20
    assert said == [
        "MLflow has not answered for 0.5 seconds",
        "Not all of the run was mirrored within 3 seconds of its end; it is given up",
    ]
    assert scalars(board, "train_loss") == {1: 1.0, 2: 0.5, 4: 0.25}
    assert texts(board, "loraone.status") == ["succeeded"]


def test_one_that_cannot_be_reached_says_so_once_and_without_its_password(
    tmp_path: Path, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mirrors = Mirrors(tmp_path, limits=Limits(begin_s=120), grace_s=120)
    said: list[str] = []
    mirror = mirrors.begin(Origin.of(spec, "away"), ["mlflow"], said.append)
    assert mirror is not None
    mirror.tell_all(events())
    mirror.end()
    mirrors.wait(130)
    assert len(said) == 1
    assert said[0].startswith("MLflow does not take the run: ")
    assert "ss-word" not in said[0]

    # The process that was to tell it is killed: the next run has another.
    assert mirrors._idle
    killed = mirrors.begin(Origin.of(spec, "killed"), ["mlflow"], said.append)
    assert killed is not None
    wait(lambda: killed.peer is not None)
    assert killed.peer is not None
    killed.peer.kill()
    killed.tell(Metric(1, {"train_loss": 1.0}, 0.1, 1))
    killed.end()
    mirrors.wait(30)
    mirrors.stop(0)
    assert said[1:] == ["The process that mirrors the run ended (exit code -9)"]
    assert not mirrors._idle


def test_whether_a_tracker_is_installed_is_what_accelerate_thinks_of_it() -> None:
    from accelerate import utils

    known = {name: bool(getattr(utils, f"is_{name}_available")()) for name in TRACKERS}
    assert {name: row.installed for name, row in TRACKERS.items()} == known
    assert known["tensorboard"]
    assert known["mlflow"]
