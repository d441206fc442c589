"""``loraone run --checkpoints``: a command that was interrupted is given again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from typer.testing import CliRunner

from backend.cli.commands import app
from loraone.events import Event, Failed, Finished, Metric, Note, Progress, Resumed, from_json
from loraone.runs.checkpoints import Checkpoints
from tests.conftest import tiny_experiment
from tests.loraone.runs.interrupted import result

STEPS = 40


class Commands:
    """The same experiment of two runs, again and again."""

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        self.folder = folder
        self.kept = folder / "kept"
        self.results = folder / "events.jsonl"
        self.spec = folder / "experiment.yaml"
        self.spec.write_text(yaml.safe_dump(spec))

    def run(self, *more: str) -> tuple[int, dict[str, list[Event]]]:
        """The exit status, and the events of each run."""
        options = ["--results", str(self.results), "--output", str(self.folder / "out"), *more]
        found = CliRunner().invoke(app, ["run", str(self.spec), *options])
        said: dict[str, list[Event]] = {}
        for row in map(json.loads, self.results.read_text().splitlines()):
            said.setdefault(row.pop("run"), []).append(from_json(row))
        return found.exit_code, said

    def terminate_at(self, count: int) -> threading.Thread:
        """SIGTERM to this process once so many metrics were written."""

        def watch() -> None:
            while not self.results.exists() or self.results.read_text().count('"metric"') < count:
                time.sleep(0.005)
            os.kill(os.getpid(), signal.SIGTERM)

        self.results.unlink(missing_ok=True)
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def commands(tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path) -> Commands:
    training = {"steps": STEPS, "batch_size": 8, "warmup_steps": 1, "eval_every": 20}
    spec = tiny_experiment(
        tiny_models["bert"], texts_csv, methods=["lora", "lora_one"], training=training
    )
    return Commands(tmp_path, spec)


def steps(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, Metric)]


def test_a_terminated_command_goes_on_with_no_run_and_no_step_done_twice(
    commands: Commands,
) -> None:
    thread = commands.terminate_at(STEPS + 1 + 5)  # in the second run
    code, said = commands.run("--checkpoints", str(commands.kept))
    thread.join()
    assert code == 128 + signal.SIGTERM
    (first, _), (second, cut) = said.items()
    assert max(steps(cut)) < STEPS
    assert sorted(path.name for path in commands.kept.iterdir()) == [
        "lock",
        "run-001.jsonl",
        "run-002.checkpoints",
    ]
    code, again = commands.run("--checkpoints", str(commands.kept))
    assert code == 0
    without = [event for event in said[first] if not isinstance(event, Progress)]
    assert result(again[first]) == result(without), "it was at its end, and is told again"
    (resumed,) = (event for event in again[second] if isinstance(event, Resumed))
    assert resumed.step == max(steps(cut))
    assert steps(again[second]) == list(range(STEPS + 1))
    assert isinstance(again[second][-1], Finished)
    assert not commands.kept.exists(), "all have succeeded"


def test_a_run_whose_adapter_is_gone_is_done_again(commands: Commands) -> None:
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run("--checkpoints", str(commands.kept))
    thread.join()
    (commands.folder / "out" / "run-001" / "directions.safetensors").unlink()
    code, again = commands.run("--checkpoints", str(commands.kept))
    assert code == 0
    assert (commands.folder / "out" / "run-001" / "directions.safetensors").exists()
    assert all(steps(events) == list(range(STEPS + 1)) for events in again.values())


def test_a_run_whose_data_or_output_folder_became_another_is_done_again(
    commands: Commands, texts_csv: Path
) -> None:
    kept = ("--checkpoints", str(commands.kept))
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run(*kept)
    thread.join()
    seen = commands.results.read_text()
    with texts_csv.open("a") as file:
        file.write("something else,1\n")
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run(*kept)
    thread.join()
    first = next(iter(json.loads(line)["run"] for line in seen.splitlines()))
    mine = [json.loads(line) for line in commands.results.read_text().splitlines()]
    old = [json.loads(line) for line in seen.splitlines()]
    assert losses(mine, first) != losses(old, first)
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run(*kept, "--output", str(commands.folder / "other"))
    thread.join()
    assert (commands.folder / "other" / "run-001" / "directions.safetensors").exists()


def losses(rows: list[dict[str, Any]], run: str) -> list[Any]:
    return [row["values"] for row in rows if row["run"] == run and row["kind"] == "metric"]


def test_what_another_experiment_left_is_neither_used_nor_removed(commands: Commands) -> None:
    kept = ("--checkpoints", str(commands.kept))
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run(*kept)
    thread.join()
    before = {path: path.stat().st_mtime_ns for path in commands.kept.rglob("*.*")}
    spec = yaml.safe_load(commands.spec.read_text())
    for changes in ({"methods": ["lora", "pissa"]}, {"methods": ["pissa", "lora_one"]}):
        commands.spec.write_text(yaml.safe_dump({**spec, **changes}))
        options = ["--results", str(commands.results), *kept]
        found = CliRunner().invoke(app, ["run", str(commands.spec), *options])
        assert found.exit_code == 2
        assert "is of another experiment; give another folder" in " ".join(found.output.split())
        assert {path: path.stat().st_mtime_ns for path in commands.kept.rglob("*.*")} == before


def test_checkpoints_and_adapters_may_have_one_folder(commands: Commands) -> None:
    out = commands.folder / "out"
    thread = commands.terminate_at(STEPS + 1 + 5)
    commands.run("--checkpoints", str(out))
    thread.join()
    code, _ = commands.run("--checkpoints", str(out))
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == ["run-001", "run-002"]
    assert all((path / "directions.safetensors").exists() for path in out.iterdir())


def test_two_commands_do_not_share_a_folder(commands: Commands) -> None:
    commands.kept.mkdir()
    commands.results.write_text("what the other one writes")
    with FileLock(commands.kept / "lock"):
        options = ["--results", str(commands.results), "--checkpoints", str(commands.kept)]
        found = CliRunner().invoke(app, ["run", str(commands.spec), *options])
    assert found.exit_code == 2
    assert "another command keeps its own there now" in " ".join(found.output.split())
    assert commands.results.read_text() == "what the other one writes"


def test_a_run_that_cannot_be_noted_is_one_note_and_no_failure(commands: Commands) -> None:
    for number in (1, 2):
        (commands.kept / f"run-00{number}.new").mkdir(parents=True)  # as good as a full disk
    code, said = commands.run("--checkpoints", str(commands.kept))
    assert code == 0
    assert all(isinstance(events[-1], Finished) for events in said.values())
    notes = [e.message for events in said.values() for e in events if isinstance(e, Note)]
    assert len([note for note in notes if "the same command would do this run again" in note]) == 1


def test_a_command_ends_after_a_run_that_failed_instead_of_ending_as_it_was_asked(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Checkpoints, "write", fail)
    thread = commands.terminate_at(5)
    code, said = commands.run("--checkpoints", str(commands.kept))
    thread.join()
    assert code == 128 + signal.SIGTERM
    ((_, events),) = said.items()
    assert isinstance(events[-1], Failed)
