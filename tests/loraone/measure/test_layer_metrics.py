"""Every row of the quantities has its producer, and no producer a name without a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loraone.catalog import (
    ALIGNMENT_MEASURES,
    LAYER_METRICS,
    METRICS,
    SCALARS,
    SPECTRA,
    SUMMARY,
    TASKS,
    LayerMetric,
    Task,
    resolve,
)
from loraone.events import Event, Finished, InitReport, Layers, Metric, Spectra, UpdateReport
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.theory.conftest import ONE, runs

OF_A_RUN = [row for row in LAYER_METRICS.values() if row.computed == "run"]
OF_TWO_RUNS = [row for row in LAYER_METRICS.values() if row.computed == "read"]
MEASURED = {"held_out_samples": 8, "alignment_every": 2, "intruders": True}


@pytest.fixture(scope="module")
def done(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, list[Event]]:
    """A tiny run of every task, with all that can be measured, by task."""
    workspace = Workspace("cpu")
    specs: list[RunSpec] = [
        tiny_run(tiny_models[name], texts_csv, "lora_one", measure=MEASURED)
        for name in ("bert", "llama", "t5")
    ]
    specs += [runs(ONE)[0]]
    return {spec.task: list(run(spec, workspace=workspace)) for spec in specs}


def columns(events: list[Event], kind: type[InitReport] | type[UpdateReport]) -> dict[str, object]:
    (report,) = (event for event in events if isinstance(event, kind))
    return dict(report.layers)


@pytest.mark.parametrize("row", OF_A_RUN, ids=lambda row: row.name)
def test_every_layer_metric_gives_a_number_for_every_layer(
    row: LayerMetric, done: dict[str, list[Event]]
) -> None:
    events = done["sequence-classification"]
    (layers,) = (event for event in events if isinstance(event, Layers))
    kind = InitReport if row.when == "init" else UpdateReport
    values = np.asarray(columns(events, kind)[row.name])
    assert values.shape == (len(layers.names),)
    assert np.isfinite(values).all()


def test_full_tuning_is_at_one_with_itself() -> None:
    from loraone.linalg.directions import Directions

    basis = np.eye(4, 2, dtype=np.float32)
    own = {"layer": Directions(basis, np.ones(2, np.float32), basis)}
    assert OF_TWO_RUNS
    for row in OF_TWO_RUNS:
        assert resolve(row.produce)(own, own, "layer") == 1.0
        assert np.isnan(resolve(row.produce)(own, {}, "layer"))


@pytest.mark.parametrize("task", TASKS)
def test_no_report_has_a_column_without_a_row_of_its_time(
    task: str, done: dict[str, list[Event]]
) -> None:
    for kind, when in ((InitReport, "init"), (UpdateReport, "update")):
        known = [row.name for row in LAYER_METRICS.values() if row.when == when]
        found = columns(done[task], kind)
        assert found
        assert list(found) == [name for name in known if name in found]


@pytest.mark.parametrize("row", TASKS.values(), ids=lambda row: row.name)
def test_a_task_yields_the_metrics_that_its_row_names(
    row: Task, done: dict[str, list[Event]]
) -> None:
    yielded = {
        name for event in done[row.name] if isinstance(event, Metric) for name in event.values
    }
    assert yielded == set(row.curves) <= set(METRICS)
    assert set(row.judges) <= set(row.curves)
    assert row.synthetic or callable(resolve(METRICS[row.metric].score))
    (end,) = (event for event in done[row.name] if isinstance(event, Finished))
    assert set(end.summary) <= {*METRICS, *SUMMARY}
    assert {name for name, of in SUMMARY.items() if of.cost} <= set(end.summary)


@pytest.mark.parametrize("task", TASKS)
def test_every_spectrum_and_each_of_its_scalars_has_a_row(
    task: str, done: dict[str, list[Event]]
) -> None:
    found = [event for event in done[task] if isinstance(event, Spectra)]
    assert {event.quantity for event in found} == set(SPECTRA)
    assert all(list(event.scalars) == list(SCALARS) for event in found)


def test_the_alignment_of_a_run_gives_every_measure() -> None:
    from loraone.analysis.figures.alignment import LayerAngles, measure

    angles = np.array([[0.0, np.pi / 2]], np.float32)
    measured = LayerAngles(1, 0, angles, angles, np.array([0.25], np.float32))
    found = {name: float(measure(measured, name)[0][0]) for name in ALIGNMENT_MEASURES}
    assert found == pytest.approx({"mean_cos2": 0.5, "sin_max": 1.0, "energy": 0.25})


def test_what_a_run_did_not_ask_for_has_no_column(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    measure = {"held_out_samples": 8, "split_half_agreement": False}
    events = list(run(tiny_run(tiny_models["bert"], texts_csv, measure=measure)))
    assert not {"trust_left", "trust_right"} & set(columns(events, InitReport))
    assert "intruders" not in columns(events, UpdateReport)
