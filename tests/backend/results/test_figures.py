"""A finished experiment through the API: its figures hold the stored numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backend.conftest import Process
from tests.backend.results.drawn import csv, figure, lines, values


def test_curves_are_means_over_seeds_of_the_stored_metric(server: Process) -> None:
    table = csv(server, "curves", metric="eval_loss", rates="all")
    assert set(table["n"]) == {2}
    drawn = lines(figure(server, "curves", metric="eval_loss", rates="all"))
    # LoRA leaves the model as it was: its first evaluation is that of the untouched model.
    untouched = table[table["series"].str.startswith("LoRA,") & (table["step"] == 0)]["mean"]
    np.testing.assert_allclose(values(drawn.pop("before init")["y"]), untouched, rtol=1e-5)
    assert len(drawn) == 6
    first = table[(table["learning_rate"] == 0.003) & table["series"].str.startswith("LoRA,")]
    name = next(key for key in drawn if key.startswith("LoRA,") and key.endswith("0.003"))
    np.testing.assert_allclose(values(drawn[name]["y"]), first["mean"])
    np.testing.assert_allclose(values(drawn[name]["x"]), first["step"])


def test_the_last_point_of_a_curve_is_the_runs_summary(server: Process) -> None:
    runs = server.runs(1)
    table = csv(server, "curves", metric="eval_loss", rates="all")
    for rate in (0.003, 0.03):
        of_full = [
            r["summary"]["eval_loss"]
            for r in runs
            if r["method"] == "full" and r["learning_rate"] == rate
        ]
        last = table[table["series"].str.startswith("Full") & (table["learning_rate"] == rate)]
        assert last["mean"].iloc[-1] == pytest.approx(np.mean(of_full))


def test_best_means_each_method_at_its_own_best_rate(server: Process) -> None:
    overview = server.get("/api/overview?of=e1")
    assert overview["metric"] == "eval_loss"
    by_label: dict[str, dict[float, list[float]]] = {}
    for run in server.runs(1):
        losses = by_label.setdefault(run["label"], {}).setdefault(run["learning_rate"], [])
        losses.append(run["summary"]["eval_loss"])
    for row in overview["rows"]:
        means = {rate: np.mean(losses) for rate, losses in by_label[row["label"]].items()}
        best = min(means, key=lambda rate: means[rate])
        assert row["learning_rate"] == best
        found = row["values"]["eval_loss"]
        assert found["mean"] == pytest.approx(means[best])
        assert found["std"] == pytest.approx(np.std(by_label[row["label"]][best], ddof=1))
        assert found["n"] == 2
    assert "2 seeds" in overview["verdict"]
    assert "not tuned" in overview["verdict"]


def test_the_heat_map_has_every_layer_and_a_click_names_it(server: Process) -> None:
    layers = server.layers(1)
    (trace,) = figure(server, "heatmap", quantity="gradient", scalar="sigma1")["data"]
    table = csv(server, "heatmap", quantity="gradient", scalar="sigma1")
    assert list(table["layer"]) == layers
    cells = values(trace["z"]).ravel()
    where = values(trace["customdata"]).ravel()
    assert sorted(where) == list(range(len(layers)))
    for cell, index in zip(cells, where, strict=True):
        assert cell == pytest.approx(table["sigma1"].iloc[int(index)], rel=1e-6)


def test_spectra_of_a_layer_start_at_the_scalar_of_the_heat_map(server: Process) -> None:
    sigma1 = csv(server, "heatmap", quantity="gradient", scalar="sigma1")["sigma1"]
    for layer in (0, 5):
        drawn = lines(figure(server, "spectra", layer=layer))
        gradient = values(drawn["Gradient G"]["y"])
        assert gradient[0] == pytest.approx(sigma1.iloc[layer], rel=1e-6)
        assert (np.diff(gradient) <= 0).all()
        name = next(key for key in drawn if key.startswith("LoRA-One") and "Initial" in key)
        assert len(values(drawn[name]["y"])) <= 4
    chosen = lines(figure(server, "spectra", layer=0, labels="LoRA"))
    assert set(chosen) == {"Gradient G", "Pretrained weight W", "LoRA: Total change"}


def test_alignment_is_one_for_lora_one_at_step_zero_beside_the_random_baseline(
    server: Process,
) -> None:
    table = csv(server, "alignment")
    start = table[(table["step"] == 0) & table["series"].str.startswith("LoRA-One")]
    np.testing.assert_allclose(start["mean"], 1, atol=1e-5)
    lora = table[(table["step"] == 0) & (table["series"] == "LoRA") & (table["side"] == "left")]
    assert lora["mean"].isna().all()
    drawn = figure(server, "alignment")
    baselines = [s for s in drawn["layout"]["shapes"] if s["line"]["dash"] == "dash"]
    shapes = server.get(f"/api/runs/{server.runs(1)[0]['id']}")["layers"]
    expected = np.mean([4 / m for m in shapes["out_features"]])
    assert baselines[0]["y0"] == pytest.approx(expected)
    sines = csv(server, "alignment", measure="sin_max", layer=2)
    assert sines["mean"].dropna().between(0, 1).all()


def test_the_alignment_of_every_layer_is_that_of_the_step_asked_for(server: Process) -> None:
    layers = server.layers(1)
    steps = server.get("/api/experiments/1")["steps"]
    assert steps[0] == 0
    assert steps[-1] == 4
    for step in (0, steps[-1]):
        table = csv(server, "alignment-layers", step=step)
        one = table[table["series"].str.startswith("LoRA-One")]
        assert list(one["layer"]) == layers
        assert set(one["step"]) == {step}
        whole = csv(server, "alignment")
        mean = whole[
            whole["series"].str.startswith("LoRA-One")
            & (whole["side"] == "left")
            & (whole["step"] == step)
        ]["mean"]
        assert one["mean"].mean() == pytest.approx(mean.iloc[0], rel=1e-5)
    queries = csv(server, "alignment", module="query")
    start = queries[(queries["step"] == 0) & queries["series"].str.startswith("LoRA-One")]
    np.testing.assert_allclose(start["mean"], 1, atol=1e-5)
    wrong = server.http.get("/api/figures/alignment", params={"of": "e1", "module": "nothing"})
    assert wrong.status_code == 422
    assert "query" in wrong.json()["errors"][0]["allowed"]


def test_step_zero_shows_the_losses_of_the_report(server: Process) -> None:
    table = csv(server, "step0")
    for row in table.to_dict("records"):
        scalars = server.get(f"/api/runs/{row['run_id']}")["init_scalars"]
        assert row["held_out_loss_before"] == pytest.approx(scalars["held_out_loss_before"])
        assert row["held_out_loss_after"] == pytest.approx(scalars["held_out_loss_after"])
    first = figure(server, "step0")["data"][0]
    np.testing.assert_allclose(
        values(first["x"]), table[["held_out_loss_before", "held_out_loss_after"]].iloc[0]
    )


def test_columns_per_layer_are_means_over_seeds_beside_what_chance_gives(server: Process) -> None:
    layers = server.layers(1)
    shapes = server.get(f"/api/runs/{server.runs(1)[0]['id']}")["layers"]
    for column in ("relative", "trust_left", "update_right", "update_cosine"):
        table = csv(server, "columns", column=column)
        one = table[table["series"].str.startswith("LoRA-One")]
        assert list(one["layer"]) == layers
        assert set(one["count"]) == {2}
        drawn = lines(figure(server, "columns", column=column))
        np.testing.assert_allclose(values(drawn[one["series"].iloc[0]]["y"]), one["mean"])
    trust = lines(figure(server, "columns", column="trust_left"))["random subspace"]
    np.testing.assert_allclose(values(trust["y"]), 4 / np.array(shapes["out_features"]))
    assert "random subspace" not in lines(figure(server, "columns", column="update_cosine"))


def test_changes_are_compared_with_full_fine_tunings_of_the_same_seed(server: Process) -> None:
    from safetensors.numpy import load_file

    table = csv(server, "columns", column="full_left")
    assert not table["series"].str.startswith("Full").any()
    overview = server.get("/api/overview?of=e1")
    best = {row["method"]: row["learning_rate"] for row in overview["rows"]}
    found = []
    for seed in (0, 1):
        pair = []
        for method in ("lora", "full"):
            (run,) = (
                r["id"] for r in server.runs(1)
                if (r["method"], r["seed"], r["learning_rate"]) == (method, seed, best[method])
            )  # fmt: skip
            file = server.home / "artifacts" / str(run) / "1" / "directions.safetensors"
            pair.append(load_file(file)[f"{table['layer'].iloc[0]}.U"])
        found.append(np.linalg.norm(pair[0].T @ pair[1]) ** 2 / 4)
    assert table[table["series"] == "LoRA"]["mean"].iloc[0] == pytest.approx(np.mean(found))


def test_overlaps_are_perfect_on_the_diagonal_where_lora_one_begins(server: Process) -> None:
    run = next(r["id"] for r in server.runs(1) if r["method"] == "lora_one")
    table = csv(server, "overlap", of=f"r{run}", at="init", layer=0)
    np.testing.assert_allclose(table[table["i"] == table["j"]]["phi"], 1, atol=1e-4)
    end = csv(server, "overlap", of=f"r{run}", at="end")
    assert end["phi"].between(0, 1 + 1e-6).all()
    left, right = figure(server, "overlap", of=f"r{run}", at="end")["data"]
    for trace, side in ((left, "left"), (right, "right")):
        part = end[end["side"] == side].pivot(index="i", columns="j", values="phi")
        np.testing.assert_allclose(values(trace["z"]), part.to_numpy(), rtol=1e-5)
    lora = next(r["id"] for r in server.runs(1) if r["method"] == "lora")
    assert csv(server, "overlap", of=f"r{lora}", at="init").empty, "B is zero: no direction yet"


def test_the_learning_rate_figure_has_a_point_for_every_rate(server: Process) -> None:
    drawn = lines(figure(server, "learning-rate"))
    assert len(drawn) == 3
    for label, trace in drawn.items():
        np.testing.assert_allclose(values(trace["x"]), [0.003, 0.03])
        for rate, mean, spread in zip(
            (0.003, 0.03), values(trace["y"]), values(trace["error_y"]["array"]), strict=True
        ):
            losses = [
                run["summary"]["eval_loss"]
                for run in server.runs(1)
                if run["label"] == label and run["learning_rate"] == rate
            ]
            assert mean == pytest.approx(np.mean(losses))
            assert spread == pytest.approx(np.std(losses, ddof=1))


def test_cost_is_drawn_as_stored_each_method_at_its_best_rate(server: Process) -> None:
    best = {row["label"]: row for row in server.get("/api/overview?of=e1")["rows"]}
    drawn = lines(figure(server, "cost", cost="trained_parameters"))
    assert best
    for label, row in best.items():
        assert values(drawn[label]["y"]) == pytest.approx([row["values"]["eval_loss"]["mean"]])
        assert values(drawn[label]["x"]) == pytest.approx(
            [row["values"]["trained_parameters"]["mean"]]
        )


@pytest.mark.parametrize("measure", ["mean_cos2", "sin_max", "energy"])
def test_alignment_is_drawn_as_its_table_says(server: Process, measure: str) -> None:
    table = csv(server, "alignment", measure=measure)
    traces = [t for t in figure(server, "alignment", measure=measure)["data"] if "name" in t]
    for trace in traces:
        side = "right" if trace.get("xaxis", "x") == "x2" else "left"
        rows = table[(table["series"] == trace["name"]) & (table["side"] == side)]
        np.testing.assert_allclose(values(trace["x"]), rows["step"])
        np.testing.assert_allclose(values(trace["y"]), rows["mean"])
    assert len(traces) == (3 if measure == "energy" else 6)
    layers = csv(server, "alignment-layers", measure=measure, side="right")
    drawn = lines(figure(server, "alignment-layers", measure=measure, side="right"))
    drawn.pop("random subspace", None)
    assert set(drawn) == set(layers["series"])
    for series, trace in drawn.items():
        rows = layers[layers["series"] == series]
        np.testing.assert_allclose(values(trace["x"]), rows["index"])
        np.testing.assert_allclose(values(trace["y"]), rows["mean"])


def test_dark_figures_differ_in_colour_alone(server: Process) -> None:
    light, dark = figure(server, "curves"), figure(server, "curves", theme="dark")
    assert light["layout"]["font"]["color"] != dark["layout"]["font"]["color"]
    assert [t.get("y") for t in light["data"]] == [t.get("y") for t in dark["data"]]
