"""The command line: what it prints, writes, and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from backend.cli.commands import app
from loraone.events import Finished, Metric, from_json
from tests.conftest import tiny_experiment
from tests.loraone.mixtures import saved


@pytest.fixture
def spec_file(tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path) -> Path:
    file = tmp_path / "experiment.yaml"
    spec = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora", "lora_one"])
    file.write_text(yaml.safe_dump(spec))
    return file


def test_plan_lists_the_runs(spec_file: Path) -> None:
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 0
    assert "2 runs, 1 one-step gradients" in found.stdout


def test_run_writes_every_event_and_the_adapters(spec_file: Path, tmp_path: Path) -> None:
    results, output = tmp_path / "events.jsonl", tmp_path / "out"
    found = CliRunner().invoke(
        app, ["run", str(spec_file), "--results", str(results), "--output", str(output)]
    )
    assert found.exit_code == 0, found.output
    assert "2 of 2 runs succeeded" in found.stderr
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    titles = {row.pop("run") for row in rows}
    assert len(titles) == 2
    events = [from_json(row) for row in rows]
    assert sum(isinstance(event, Finished) for event in events) == 2
    assert sum(isinstance(event, Metric) for event in events) == 2 * 5
    assert (output / "run-002" / "adapter" / "adapter_model.safetensors").is_file()


def test_a_failed_run_is_told_and_the_exit_status_says_so(spec_file: Path) -> None:
    spec = yaml.safe_load(spec_file.read_text())
    spec_file.write_text(yaml.safe_dump({**spec, "grid": {"ranks": [17]}}))
    found = CliRunner().invoke(app, ["run", str(spec_file)])
    assert found.exit_code == 1
    assert "min(m, n) = 16" in found.stderr.replace("\n", " ")
    assert "0 of 2 runs succeeded" in found.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"grid": {"ranks": [0]}}, ["grid.ranks.0 = 0", "1 to 4096"]),
        ({"methods": ["loro"]}, ["methods.0.name = 'loro'", "lora_one"]),
        ({"data": {"source": "none.csv"}}, ["data.source", "no file"]),
        ({"model": {"id": "./nowhere"}}, ["model.id", "config.json"]),
    ],
)
def test_bad_input_names_field_value_and_range(
    spec_file: Path, change: dict[str, object], words: list[str]
) -> None:
    spec = yaml.safe_load(spec_file.read_text())
    spec_file.write_text(yaml.safe_dump({**spec, **change}))
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 2
    said = found.stderr.replace("\n", "")
    assert all(word in said for word in words), said


def test_what_is_not_a_spec_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("- lora\n")
    found = CliRunner().invoke(app, ["plan", str(file)])
    assert found.exit_code == 2
    assert "mapping" in found.stderr
    file.write_text("name: [unclosed\n")
    assert CliRunner().invoke(app, ["plan", str(file)]).exit_code == 2


def test_a_plan_names_a_target_layer_that_the_model_lacks(spec_file: Path) -> None:
    spec = yaml.safe_load(spec_file.read_text())
    spec["model"]["targets"] = ["wrong_proj"]
    spec_file.write_text(yaml.safe_dump(spec))
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 2
    assert "model.targets: no linear layer of" in found.stderr
    assert "'wrong_proj'" in found.stderr.replace("\n", " ")


def test_a_plan_says_that_no_run_adapts_the_experts(spec_file: Path, tmp_path: Path) -> None:
    spec = yaml.safe_load(spec_file.read_text())
    spec["task"], spec["model"]["id"] = "causal-lm", str(saved("mixtral", tmp_path / "mixtral"))
    spec_file.write_text(yaml.safe_dump(spec))
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 0
    assert "the experts hold" in " ".join(found.stderr.split())


def test_a_plan_says_which_runs_will_fail(spec_file: Path) -> None:
    spec = yaml.safe_load(spec_file.read_text())
    spec_file.write_text(yaml.safe_dump({**spec, "grid": {"ranks": [4, 17]}}))
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 0
    said = " ".join(found.stderr.split())
    assert said.count("will fail:") == 2
    assert "r=17" in said and "above min(m, n) = 16" in said
