"""What a server measured, as whoever runs here has it."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plotly.utils import PlotlyJSONEncoder
from safetensors.numpy import load_file

from loraone.analysis.figures import curves, learning_rate
from loraone.analysis.figures.style import fitted
from loraone.client import ClientError, Experiment, ProblemError, RunsFailedError
from tests.loraone.client.conftest import SYNTHETIC, Lab

Finished = tuple[Experiment, Experiment]


def test_figures_of_the_tables_are_those_of_the_server(finished: Finished) -> None:
    experiment, _ = finished
    runs, metrics = experiment.runs, experiment.metrics()
    of_one = metrics[metrics["metric"] == "relative_loss"]
    here = curves.draw(curves.table(runs, of_one), runs, metric="relative_loss")
    assert plain(experiment.figure("curves", metric="relative_loss")) == plain(fitted(here))
    table = learning_rate.table(runs, "relative_loss")
    here = learning_rate.draw(table, runs, metric="relative_loss")
    assert plain(experiment.figure("learning_rate", metric="relative_loss")) == plain(fitted(here))


def plain(figure: object) -> object:
    """A figure with its arrays as lists."""

    def lists(value: object) -> object:
        if isinstance(value, dict):
            return {name: lists(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [lists(each) for each in value]
        return np.asarray(value).tolist() if isinstance(value, np.ndarray) else value

    raw = lists(figure.to_plotly_json())  # type: ignore[attr-defined]
    return json.loads(json.dumps(raw, cls=PlotlyJSONEncoder))


def test_runs_have_names_of_the_catalogue_and_every_result(finished: Finished) -> None:
    runs = finished[0].runs
    assert [*runs["method"]] == ["lora", "lora_one"]
    assert [*runs["series"]] == [run.label for run in finished[0].detail.runs]
    assert [*runs["status"]] == ["succeeded"] * 2
    assert runs["relative_loss"].between(0, 2).all()
    assert [*runs["run_id"]] == [run.id for run in finished[0].detail.runs]


def test_spectra_and_alignment_are_there_for_every_layer(finished: Finished) -> None:
    _, experiment = finished
    names = [layer.name for layer in experiment.detail.layers]
    assert len(names) > 4
    spectra = experiment.spectra("gradient")
    assert [*spectra["layer"].unique()] == names
    falling = spectra.groupby("layer_index")["value"].apply(lambda v: v.is_monotonic_decreasing)
    assert falling.all()
    assert set(experiment.spectra("gradient", layer=1)["layer"]) == {names[1]}
    alignment = experiment.alignment()
    assert {*alignment["side"]} == {"left", "right"}
    assert [*alignment["layer"].unique()] == names
    with pytest.raises(ProblemError, match="colour") as caught:
        experiment.spectra("colour")
    assert "gradient" in str(caught.value.allowed)


def test_an_adapter_is_unpacked_where_peft_reads_it(finished: Finished, tmp_path: Path) -> None:
    _, experiment = finished
    (run,) = experiment.detail.runs
    folder = experiment.adapter(run.id, tmp_path / "tiny" / "adapter")
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 4
    weights = load_file(folder / "adapter_model.safetensors")
    assert any("lora_B" in name for name in weights)
    assert [each.name for each in folder.parent.iterdir()] == ["adapter"]
    with pytest.raises(FileExistsError, match="empty or new"):
        experiment.adapter(run.id, folder)
    with pytest.raises(ProblemError, match="adapter of run") as caught:
        experiment.adapter(finished[0].detail.runs[0].id, tmp_path / "none")
    assert caught.value.status == 404
    assert not (tmp_path / "none").exists()


def test_an_unknown_figure_or_option_is_named_with_those_that_there_are(
    finished: Finished,
) -> None:
    with pytest.raises(ClientError, match=r"no figure 'kurves'; allowed: .*curves"):
        finished[0].figure("kurves")
    with pytest.raises(ClientError, match="no option 'metirc'; allowed: metric, x,"):
        finished[0].figure("curves", metirc="fresh_loss")
    with pytest.raises(ProblemError, match="metric"):
        finished[0].figure("curves", metric="beauty")


def test_an_export_is_taken_in_and_a_report_opens_offline(
    finished: Finished, lab: Lab, tmp_path: Path
) -> None:
    original = finished[0]
    document = json.loads(original.export(tmp_path / "größe.json").read_text(encoding="utf-8"))
    document["experiment"]["spec"]["report_to"] = ["wandb"]
    (tmp_path / "größe.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"report_to \(wandb\) is left out"):
        again = lab.client().import_(tmp_path / "größe.json")
    assert again.id != original.id
    assert again.name == original.name == SYNTHETIC["name"]
    columns = ["metric", "step", "value", "tokens"]
    pd.testing.assert_frame_equal(again.metrics()[columns], original.metrics()[columns])
    report = original.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert report.lstrip().lower().startswith("<!doctype html>")
    assert "Größe α" in report
    assert len([*tmp_path.glob("*.*")]) == 2
    with pytest.raises(ProblemError):
        lab.client().experiment(10**9)


def test_runs_that_failed_are_an_error_for_whoever_asks(lab: Lab) -> None:
    wild = {**SYNTHETIC, "methods": ["lora"], "grid": {"ranks": [2], "learning_rates": [10.0]}}
    wild["training"] = {**SYNTHETIC["training"], "steps": 60, "max_grad_norm": 1e6}  # type: ignore[dict-item]
    experiment = lab.client().launch(wild).wait(progress=False)
    assert experiment.status == "failed"
    with pytest.raises(RunsFailedError, match=r"1 of 1 runs .* failed; the first: "):
        experiment.wait(progress=False, check=True)
    assert experiment.retry() == 1
    experiment.wait()


def test_a_table_of_runs_is_that_of_the_page_beside_what_figures_take(
    finished: Finished, lab: Lab
) -> None:
    http = lab.process.http
    answer = http.get(
        "/api/runs/file",
        params={"of": f"e{finished[0].id}", "format": "parquet"},
        headers={"Authorization": f"Bearer {lab.tokens['viewer']}"},
    )
    page, here = pd.read_parquet(BytesIO(answer.content)), finished[0].runs
    shared = [name for name in page if name != "method"]
    pd.testing.assert_frame_equal(page[shared], here[shared])
    assert {*here} - {*page} == {"series", "origin"}
