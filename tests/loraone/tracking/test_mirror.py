"""No tracker holds up who tells it, and what it was not told is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from loraone.catalog import TRACKERS
from loraone.events import Metric
from loraone.spec.experiment import RunSpec
from loraone.tracking.mirror import Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.process import Limits
from tests.loraone.tracking.conftest import events, wait
from tests.loraone.tracking.read_back import scalars, texts

PASSWORD = "p%40ss-word"


def test_one_that_hangs_is_given_up_and_keeps_neither_the_run_nor_other_trackers(
    tmp_path: Path, spec: RunSpec, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@{silent}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    mirrors = Mirrors(tmp_path, limits=Limits(begin_s=0.5), grace_s=600)
    said: list[str] = []
    mirror = mirrors.begin(Origin.of(spec, "hangs"), ["mlflow", "tensorboard"], said.append)
    assert mirror is not None
    *its, end = events()
    mirror.tell_all(its)
    board = tmp_path / "tensorboard" / "hangs" / spec.title
    wait(lambda: 4 in scalars(board, "train_loss"))
    mirror.tell(end)
    mirror.end()
    assert mirror in mirrors._open, "whoever runs waits for nothing"
    wait(lambda: texts(board, "loraone.status"))
    late = "MLflow has not answered for 0.5 seconds"
    wait(lambda: late in said)
    mirror._give_up()  # as its timer would
    mirrors.wait(60)
    mirrors.stop(0)
    # Where the machine is busy TensorBoard takes as long to begin, and says so.
    assert [sentence for sentence in said if not sentence.startswith("TensorBoard has not")] == [
        late,
        "Not all of the run was mirrored within 600 seconds of its end; it is given up",
    ]
    assert scalars(board, "train_loss") == {1: 1.0, 2: 0.5, 4: 0.25}
    assert texts(board, "loraone.status") == ["succeeded"]


def test_after_the_end_there_is_so_much_time_and_no_more(tmp_path: Path, spec: RunSpec) -> None:
    mirrors = Mirrors(tmp_path, grace_s=0)
    said: list[str] = []
    mirror = mirrors.begin(Origin.of(spec, "late"), ["tensorboard"], said.append)
    assert mirror is not None
    mirror.end()
    wait(lambda: said)
    mirrors.stop(60)
    assert said == ["Not all of the run was mirrored within 0 seconds of its end; it is given up"]


def test_one_that_cannot_be_reached_says_so_once_and_without_its_password(
    tmp_path: Path, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mirrors = Mirrors(tmp_path, limits=Limits(begin_s=300), grace_s=300)
    said: list[str] = []
    mirror = mirrors.begin(Origin.of(spec, "away"), ["mlflow"], said.append)
    assert mirror is not None
    mirror.tell_all(events())
    mirror.end()
    mirrors.wait(300)
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
    mirrors.wait(120)
    mirrors.stop(0)
    assert said[1:] == ["The process that mirrors the run ended (exit code -9)"]
    assert not mirrors._idle


def test_whether_a_tracker_is_installed_is_what_accelerate_thinks_of_it() -> None:
    from accelerate import utils

    known = {name: bool(getattr(utils, f"is_{name}_available")()) for name in TRACKERS}
    assert {name: row.installed for name, row in TRACKERS.items()} == known
    assert known["tensorboard"]
    assert known["mlflow"]
