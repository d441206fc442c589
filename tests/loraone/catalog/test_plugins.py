"""Methods of one's own, by entry point and by call."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from loraone.catalog import METHODS, Method, register, scanning
from loraone.events import InitReport, Spectra, from_json
from loraone.spec.experiment import ExperimentSpec, expand
from tests.conftest import tiny_experiment

EXAMPLE = Path(__file__).parents[3] / "tests" / "example_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed by pip into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--target", str(target), str(EXAMPLE)],
        check=True,
    )  # fmt: skip
    return target


def test_an_installed_method_is_in_the_catalogue_and_runs(
    installed: Path, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    method = {"name": "orthonormal_a", "params": {"size": 2.0}}
    spec = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora", method])
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(spec))
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    results = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "backend.cli", "run", str(file), "--results", str(results)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    own = [from_json({k: v for k, v in row.items() if k != "run"}) for row in rows
           if row["run"].startswith("Orthonormal A")]  # fmt: skip
    report = next(event for event in own if isinstance(event, InitReport))
    assert report.scalars["logit_change"] < 1e-5
    assert any(isinstance(event, Spectra) and event.quantity == "change" for event in own)


def test_a_bad_parameter_of_an_installed_method_is_marked_like_any_other(
    installed: Path, tmp_path: Path
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text("methods: [{name: orthonormal_a, params: {size: -1}}]\n")
    answer = subprocess.run(
        [sys.executable, "-m", "backend.cli", "plan", str(file)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "methods.0.params.size" in answer.stderr


@pytest.mark.parametrize("value", ["loraone_orthonormal", "loraone_orthonormal.row:ROW"])
def test_an_entry_point_names_the_package_or_its_row(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from importlib.metadata import EntryPoint

    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setattr(scanning, "METHODS", dict(METHODS))
    scanning.register_plugin(EntryPoint("orthonormal_a", value, scanning.PLUGINS))
    assert not caplog.text
    assert list(scanning.METHODS) == [*METHODS, "orthonormal_a"]


@pytest.fixture
def own_row() -> Iterator[Method]:
    row = register(dataclasses.replace(METHODS["gaussian"], name="mine", label="Mine"))
    yield row
    del METHODS["mine"]


def test_a_registered_method_may_be_named_and_its_name_is_taken(own_row: Method) -> None:
    (run,) = expand(ExperimentSpec.model_validate({"methods": ["mine"]}))
    assert run.method.label == "Mine"
    with pytest.raises(ValueError, match="'mine' is there already"):
        register(own_row)


def test_a_broken_plug_in_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    from importlib.metadata import EntryPoint

    before = dict(METHODS)
    scanning.register_plugin(EntryPoint("bad", "no_such_module:ROW", scanning.PLUGINS))
    scanning.register_plugin(EntryPoint("lora", "loraone.methods.lora", scanning.PLUGINS))
    scanning.register_plugin(EntryPoint("none", "loraone.methods", scanning.PLUGINS))
    assert before == METHODS
    assert "no_such_module:ROW is left out" in caplog.text
    assert "loraone.methods.lora is left out: method 'lora' is there already" in caplog.text
    assert "loraone.methods is left out" in caplog.text
