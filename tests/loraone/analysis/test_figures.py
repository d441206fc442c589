"""Figures as pure functions: what a notebook draws is what the page draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from loraone.analysis.figures import (
    alignment,
    columns,
    cost,
    curves,
    heatmap,
    layers,
    overlap,
    spectra,
    theory,
)
from loraone.analysis.figures.alignment import LayerAngles
from loraone.analysis.figures.style import series_styles
from loraone.catalog import LAYER_METRICS
from loraone.linalg import directions

RUNS = pd.DataFrame(
    {
        "run_id": [1, 2, 3, 4],
        "method": ["lora", "lora_one", "lora_one", "lora"],
        "origin": [""] * 4,
        "series": ["LoRA", "LoRA-One (spectral)", "LoRA-One (gradient)", "LoRA"],
        "learning_rate": [1e-3] * 4,
        "seed": [0, 0, 0, 1],
    }
)


def test_variants_share_their_methods_colour_and_differ_in_dash() -> None:
    found = series_styles(RUNS, "light")
    one, two = found["LoRA-One (spectral)"], found["LoRA-One (gradient)"]
    assert one.colour == two.colour != found["LoRA"].colour
    assert one.dash != two.dash


def test_a_curve_is_the_mean_over_seeds_with_a_band_of_one_deviation() -> None:
    metrics = pd.DataFrame(
        {
            "run_id": [1, 4, 1, 4],
            "step": [0, 0, 1, 1],
            "value": [2.0, 4.0, 1.0, 1.0],
            "seconds": 0.0,
            "tokens": 0,
        }
    )
    table = curves.table(RUNS, metrics)
    assert table["mean"].tolist() == [3.0, 1.0]
    assert table["std"].tolist() == pytest.approx([np.sqrt(2), 0])
    band, line = curves.draw(table, RUNS, metric="eval_loss").data
    assert max(band.y) == pytest.approx(3 + np.sqrt(2))
    assert list(line.y) == [3.0, 1.0]


def test_smoothing_keeps_the_first_value_and_the_length() -> None:
    metrics = pd.DataFrame(
        {"run_id": 2, "step": range(20), "value": np.arange(20.0), "seconds": 0.0, "tokens": 0}
    )
    table = curves.table(RUNS, metrics)
    (line,) = curves.draw(table, RUNS, metric="train_loss", smoothing=0.9).data
    assert len(line.y) == 20
    assert line.y[0] == 0
    assert line.y[-1] < 19


def test_measures_leave_out_what_has_no_direction() -> None:
    angles = np.array([[0.0, np.pi / 2], [np.nan, np.nan]], np.float32)
    found = LayerAngles(1, 0, angles, angles, np.array([0.5, np.nan], np.float32))
    left, _ = alignment.measure(found, "mean_cos2")
    np.testing.assert_allclose(left, [0.5, np.nan])
    left, _ = alignment.measure(found, "sin_max")
    np.testing.assert_allclose(left, [1.0, np.nan])
    table = alignment.table([found], RUNS, name="mean_cos2", layers=None)
    assert table[table["side"] == "left"]["mean"].tolist() == pytest.approx([0.5])


def test_a_random_subspace_has_the_baseline_that_the_plot_draws() -> None:
    import torch

    from loraone.linalg.subspaces import principal_angles

    draw = torch.Generator().manual_seed(0)
    found = []
    for _ in range(200):
        one, two = (
            torch.linalg.qr(torch.randn(40, 8, generator=draw, dtype=torch.float64))[0]
            for _ in range(2)
        )
        found.append(float((torch.cos(principal_angles(one, two)) ** 2).mean()))
    left, right = alignment.baselines([(40, 80)], 8, None)
    assert np.mean(found) == pytest.approx(left, rel=0.03)
    assert right == 0.1


def test_shared_spectra_appear_once_and_noise_is_cut() -> None:
    values = spectra.MeasuredValues(np.array([1.0, 0.5, 1e-12], np.float32))
    found = {(1, "gradient"): values, (2, "gradient"): values, (2, "init"): values}
    table = spectra.table(found, RUNS)
    assert table.groupby(["series", "quantity"]).size().to_dict() == {
        ("", "gradient"): 2,
        ("LoRA-One (spectral)", "init"): 2,
    }


def test_columns_leave_out_what_was_not_measured_and_say_when_all_is_zero() -> None:
    names = ["a.0.q", "a.1.q"]
    table = columns.table({1: [0.0, 0.0], 2: [1.0, np.nan], 4: [0.0, 0.0]}, RUNS, names)
    assert table[table["series"] == "LoRA"]["count"].tolist() == [2, 2]
    assert table[table["series"] == "LoRA-One (spectral)"]["layer"].tolist() == ["a.0.q"]
    drawn = columns.draw(table, RUNS, names, row=LAYER_METRICS["relative"])
    assert [trace.name for trace in drawn.data] == ["LoRA-One (spectral)"]
    nothing = columns.draw(
        table[table["series"] == "LoRA"], RUNS, names, row=LAYER_METRICS["relative"]
    )
    assert "zero in every layer" in nothing.layout.annotations[0].text


def test_phi_is_the_lora_papers_formula_and_the_mean_is_over_layers_that_have_it() -> None:
    draw = np.random.default_rng(0)
    U, Q = (np.linalg.qr(draw.normal(size=(9, 3)))[0] for _ in "ab")
    squared = np.full((2, 3, 3), np.nan, np.float32)
    squared[0] = (U.T @ Q) ** 2
    squared[1, :, :1] = ((U.T @ Q) ** 2)[:, :1]
    one = overlap.table(squared, squared, 0)
    for _, row in one[one["side"] == "left"].iterrows():
        i, j = int(row["i"]), int(row["j"])
        exact = np.linalg.norm(U[:, :i].T @ Q[:, :j]) ** 2 / min(i, j)
        assert row["phi"] == pytest.approx(exact, rel=1e-5)
    mean = overlap.table(squared, squared, None)
    counts = mean[mean["side"] == "left"].set_index(["i", "j"])["layers"]
    assert counts[1, 1] == 2
    assert counts[1, 2] == 1
    assert len(overlap.draw(one).data) == 2


@given(points=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_pareto_front_has_what_nothing_else_beats(points: list[tuple[int, int]]) -> None:
    costs, values = (pd.Series([float(p[i]) for p in points]) for i in (0, 1))
    front = cost.pareto(costs, values, "lower")
    assert any(front)
    for (x, y), kept in zip(points, front, strict=True):
        beaten = any(a <= x and b <= y and (a, b) != (x, y) for a, b in points)
        assert kept != beaten
    assert cost.pareto(costs, -values, "higher") == front


def test_costs_are_means_over_seeds_in_readable_units() -> None:
    runs = RUNS.assign(eval_loss=[1.0, 2.0, 3.0, 2.0], memory_bytes=[1e9, 2e9, 3e9, 3e9])
    table = cost.table(runs, "eval_loss", "memory_bytes").set_index("series")
    assert table.loc["LoRA", "cost"] == pytest.approx(2)
    assert table.loc["LoRA", "value"] == pytest.approx(1.5)
    assert list(table["front"]) == [True, False, False]
    drawn = cost.draw(table.reset_index(), runs, metric="eval_loss", cost="memory_bytes")
    assert {trace.name for trace in drawn.data} == set(RUNS["series"])


def test_directions_agree_as_projections_do(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)

    def saved(name: str) -> dict[str, directions.Directions]:
        parts = {
            "q.U": np.linalg.qr(draw.normal(size=(9, 3)))[0],
            "q.S": np.array([2.0, 1.0, 0.0 if name == "two" else 0.5]),
            "q.V": np.linalg.qr(draw.normal(size=(7, 3)))[0],
        }
        save_file({k: v.astype(np.float32) for k, v in parts.items()}, tmp_path / name)
        return directions.read(tmp_path / name)

    one, two = saved("one"), saved("two")
    left, right = directions.agreement(one, two, "q")
    for side, value in (("U", left), ("V", right)):
        a, b = (getattr(x["q"], side)[:, :2] for x in (one, two))
        trace = np.trace(a @ a.T @ b @ b.T) / 2
        assert value == pytest.approx(trace, rel=1e-5)
    assert directions.agreement(one, one, "q") == pytest.approx((1, 1), rel=1e-5)
    assert np.isnan(directions.agreement(one, two, "nothing")).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bert.encoder.layer.3.attention.self.query", "3 · query"),
        ("model.layers.11.mlp.gate_proj", "11 · feed-forward gate"),
        ("transformer.h.0.attn.c_attn", "0 · query, key, value"),
        ("classifier", "classifier"),
        ("model.layers.2.mlp.experts.down_proj[7]", "2 · experts down, expert 7"),
        ("model.layers.2.moe.input_linear.weight[0]", "2 · moe.input_linear.weight, expert 0"),
    ],
)
def test_layers_are_named_as_people_say_them(name: str, expected: str) -> None:
    assert layers.label(name) == expected


def test_encoder_and_decoder_are_told_apart_on_the_map() -> None:
    names = ["encoder.block.0.q", "decoder.block.0.q"]
    table = heatmap.table(names, {0: 1.0, 1: 2.0}, "sigma1")
    (trace,) = heatmap.draw(table, scalar="sigma1", quantity="gradient").data
    assert list(trace.y) == ["encoder q", "decoder q"]


EXPERTS = [
    "model.layers.0.self_attn.q_proj",
    *(
        f"model.layers.{block}.mlp.experts.{parameter}[{expert}]"
        for block in (0, 1)
        for parameter in ("gate_up_proj", "down_proj")
        for expert in range(3)
    ),
]


def test_experts_have_a_map_of_their_own_expert_by_block() -> None:
    values = {index: float(index) for index in range(len(EXPERTS))}
    table = heatmap.table(EXPERTS, values, "sigma1")
    (of_layers,) = heatmap.draw(table, scalar="sigma1", quantity="gradient").data
    assert list(of_layers.y) == ["query"], "single experts are no lines of the map of layers"
    assert layers.of_experts(EXPERTS) == ["experts gate and up", "experts down"]
    drawn = heatmap.draw(
        table, scalar="sigma1", quantity="gradient", experts="experts down", outlined=5
    )
    (trace,) = drawn.data
    assert list(trace.x) == [0, 1, 2]
    assert list(trace.y) == ["0", "1"]
    assert trace.z.tolist() == [[4.0, 5.0, 6.0], [10.0, 11.0, 12.0]]
    assert trace.customdata.tolist() == [[4, 5, 6], [10, 11, 12]], "a click opens its spectra"
    (frame,) = drawn.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, -0.5, 0.5)


@pytest.mark.parametrize("quantity", ["gradient", "weight"])
def test_an_expert_without_a_token_is_struck_through_and_is_no_zero(quantity: str) -> None:
    values = dict.fromkeys(range(len(EXPERTS)), 1.0) | {5: 0.0}
    table = heatmap.table(EXPERTS, values, "sigma1")
    drawn = heatmap.draw(
        table, scalar="sigma1", quantity=quantity, experts="experts down", unused=[2, 5]
    )
    cells, struck = drawn.data
    assert np.isnan(cells.z[0][1]) == (quantity == "gradient"), "its weight is what it is"
    assert (list(struck.x), list(struck.y)) == ([1], ["0"])
    assert list(struck.customdata) == [5]
    assert struck.name == "no token of the gradient batch"


def test_the_axis_of_what_was_varied_shows_all_values_though_one_alone_has_a_point() -> None:
    rows = pd.DataFrame(
        {"method_label": ["LoRA", "LoRA"], "value": [0.01, 0.1], "median": [None, 27.0],
         "least": [None, 27.0], "greatest": [None, 28.0], "reached": [0, 2], "seeds": [2, 2]}
    )  # fmt: skip
    runs = pd.DataFrame({"series": ["LoRA"], "method": ["lora"], "method_label": ["LoRA"]})
    axis = theory.sweep(rows, runs, label="Learning rate", target=0.01).layout.xaxis
    assert axis.range[0] < 0.01 and axis.range[1] > 0.1
    assert axis.range[1] - axis.range[0] < 0.2, "two units, as plotly has it around a lone point"
