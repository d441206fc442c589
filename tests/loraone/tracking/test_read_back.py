"""Real trackers read back what they were told of a run: steps, settings, end and link, and nothing
of the machine that told them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loraone.catalog import TRACKERS
from loraone.spec.experiment import RunSpec
from loraone.tracking.mirror import Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.process import Limits
from loraone.tracking.tools import Trackio
from tests.loraone.tracking.conftest import FAILED, events
from tests.loraone.tracking.read_back import TrackioRun, mlflow_runs, scalars, texts, trackio_runs
from tests.loraone.tracking.wandb_file import WandbFile, wandb_run

GROUP = "5 A_B_s test"
URL = "https://lab.example.org/experiments/5"
ASKED = {"method": "LoRA", "rank": 8, "seed": 3, "learning_rate": 0.001}
# Three runs: the last was cancelled, or its worker was lost.
RUNS = {7: events(), 8: events(FAILED), 9: events()[:-1]}
ENDS = {7: "succeeded", 8: "failed", 9: "interrupted"}
# MLflow's files make no database, which takes it half a minute on a busy machine.
PLACES = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_TRACKING_URI": "file:{}/mlruns",
    "TRACKIO_DIR": "{}/trackio",
    "WANDB_MODE": "offline",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, spec: RunSpec) -> Iterator[Path]:
    """Where all trackers that are here were told of three runs, by one process."""
    folder = tmp_path_factory.mktemp("trackers")
    with pytest.MonkeyPatch.context() as patch:
        for name, place in PLACES.items():
            patch.setenv(name, place.format(folder))
        mirrors = Mirrors(folder, limits=Limits(begin_s=300), grace_s=300)
        said: list[str] = []
        for run, its in RUNS.items():
            origin = Origin.of(spec, "A/B's test", experiment_id=5, run_id=run, url=URL)
            names = [name for name, row in TRACKERS.items() if row.installed]
            mirror = mirrors.begin(origin, names, said.append)
            assert mirror is not None
            mirror.tell_all(its)
            mirror.end()
            mirrors.wait(300)
        mirrors.stop(0)
        assert said == []
        yield folder


def title(spec: RunSpec, run: int = 7) -> str:
    return f"{run} {spec.title}"


def test_tensorboard_has_them(told: Path, spec: RunSpec) -> None:
    group = told / "tensorboard" / GROUP
    board = group / title(spec)
    assert scalars(board, "train_loss") == {1: 1.0, 2: 0.5, 4: 0.25}
    assert scalars(board, "train_seconds") == {1: 0.5, 2: 1.0, 4: 2.0}
    assert scalars(board, "init/loss_before") == {0: 1.5}
    assert scalars(board, "final/eval_loss") == {4: 0.25}
    hyperparameters = next(board.glob("*/hparams.yml")).read_text()
    assert "method: LoRA" in hyperparameters
    assert f"loraone.url: {URL}" in hyperparameters
    for run, end in ENDS.items():
        assert texts(group / title(spec, run), "loraone.status") == [end]


def test_mlflow_has_them(told: Path, spec: RunSpec) -> None:
    runs = {run.info.run_name: run for run in mlflow_runs(told / "mlruns", GROUP)}
    run = runs[title(spec)]
    assert {name: str(value) for name, value in ASKED.items()}.items() <= run.data.params.items()
    assert run.data.metrics["final/eval_loss"] == 0.25
    assert run.data.tags["loraone.run_id"] == "7"
    assert run.data.tags["loraone.experiment"] == "A/B's test"
    assert run.data.tags["loraone.url"] == URL
    ends = {7: "FINISHED", 8: "FAILED", 9: "KILLED"}
    assert {name: run.info.status for name, run in runs.items()} == {
        title(spec, run): end for run, end in ends.items()
    }


def check(kept: WandbFile | TrackioRun) -> None:
    """The run that succeeded is there as it was told of."""
    assert kept.metric("train_loss") == {1: 1.0, 2: 0.5, 4: 0.25}
    assert kept.metric("train_seconds") == {1: 0.5, 2: 1.0, 4: 2.0}
    assert kept.metric("init/loss_before") == {0: 1.5}
    assert kept.metric("final/eval_loss") == {4: 0.25}
    tags = {"loraone.run_id": "7", "loraone.experiment": "A/B's test", "loraone.url": URL}
    assert (ASKED | tags).items() <= kept.config.items()


def test_wandb_has_them(told: Path, spec: RunSpec) -> None:
    kept = wandb_run(told, title(spec))
    check(kept)
    assert (kept.run.project, kept.run.run_group, kept.run.notes) == ("loraone", GROUP, URL)
    for run, end in ENDS.items():
        ended = wandb_run(told, title(spec, run))
        assert ended.summary["loraone.status"] == end
        assert ended.exit_code == (0 if run == 7 else 1)
    # Nothing of the machine.
    assert (kept.run.host, kept.sent) == ("", [])


@pytest.mark.skipif(not TRACKERS["trackio"].installed, reason="trackio is not installed here")
def test_trackio_has_them(told: Path, spec: RunSpec) -> None:
    runs = trackio_runs(GROUP)
    assert sorted(runs) == [title(spec, run) for run in RUNS]
    check(runs[title(spec)])
    for run, end in ENDS.items():
        assert runs[title(spec, run)].metric("loraone.status") == {4: end}


def test_trackio_is_not_let_measure_the_machine(tmp_path: Path, spec: RunSpec) -> None:
    asked = Trackio(Origin.of(spec, "x"), tmp_path).make().init_kwargs
    assert {"auto_log_cpu": False, "auto_log_gpu": False}.items() <= asked.items()
