"""``loraone run`` with ``report_to``, in the folder where it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from backend.cli.commands import app
from loraone.catalog import TRACKERS
from tests.conftest import tiny_experiment
from tests.loraone.tracking.read_back import scalars


@pytest.fixture
def spec_file(tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path) -> Path:
    file = tmp_path / "experiment.yaml"
    spec = tiny_experiment(tiny_models["bert"], texts_csv, name="From here", methods=["lora"])
    file.write_text(yaml.safe_dump({**spec, "report_to": ["tensorboard"]}))
    return file


def test_tensorboard_has_the_losses_that_were_written(
    spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "events.jsonl"
    found = CliRunner().invoke(app, ["run", str(spec_file), "--results", str(results)])
    assert found.exit_code == 0, found.output
    assert "warning" not in found.stderr
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    written = {
        row["step"]: row["values"]["train_loss"]
        for row in rows
        if row["kind"] == "metric" and "train_loss" in row["values"]
    }
    assert written
    (folder,) = (tmp_path / "tensorboard" / "From here").iterdir()
    assert scalars(folder, "train_loss") == pytest.approx(written)


def test_one_that_is_not_installed_is_refused_with_name_and_range(spec_file: Path) -> None:
    missing = next(name for name, row in TRACKERS.items() if not row.installed)
    spec = yaml.safe_load(spec_file.read_text())
    spec_file.write_text(yaml.safe_dump({**spec, "report_to": ["tensorboard", missing]}))
    found = CliRunner().invoke(app, ["plan", str(spec_file)])
    assert found.exit_code == 2
    said = found.stderr.replace("\n", " ")
    assert "report_to.1" in said
    assert f"pip install {missing}" in said.replace("  ", " ")
    assert "allowed:" in said
