"""Figures as pure functions: what a notebook draws is what the page draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loraone.figures import alignment, curves, heatmap, layers, spectra
from loraone.figures.alignment import Measured
from loraone.figures.style import looks

RUNS = pd.DataFrame(
    {
        "run_id": [1, 2, 3, 4],
        "method": ["lora", "lora_one", "lora_one", "lora"],
        "series": ["LoRA", "LoRA-One (spectral)", "LoRA-One (gradient)", "LoRA"],
        "learning_rate": [1e-3] * 4,
        "seed": [0, 0, 0, 1],
    }
)


def test_variants_share_their_methods_colour_and_differ_in_dash() -> None:
    found = looks(RUNS, "light")
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
    found = Measured(1, 0, angles, angles, np.array([0.5, np.nan], np.float32))
    left, _ = alignment.measure(found, "mean_cos2")
    np.testing.assert_allclose(left, [0.5, np.nan])
    left, _ = alignment.measure(found, "sin_max")
    np.testing.assert_allclose(left, [1.0, np.nan])
    table = alignment.table([found], RUNS, name="mean_cos2", layer=None)
    assert table[table["side"] == "left"]["mean"].tolist() == pytest.approx([0.5])


def test_a_random_subspace_has_the_baseline_that_the_plot_draws() -> None:
    import torch

    from loraone.probes import principal_angles

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
    values = np.array([1.0, 0.5, 1e-12], np.float32)
    found = {(1, "gradient"): values, (2, "gradient"): values, (2, "init"): values}
    table = spectra.table(found, RUNS)
    assert table.groupby(["series", "quantity"]).size().to_dict() == {
        ("", "gradient"): 2,
        ("LoRA-One (spectral)", "init"): 2,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bert.encoder.layer.3.attention.self.query", "3 · query"),
        ("model.layers.11.mlp.gate_proj", "11 · feed-forward gate"),
        ("transformer.h.0.attn.c_attn", "0 · query, key, value"),
        ("classifier", "classifier"),
    ],
)
def test_layers_are_named_as_people_say_them(name: str, expected: str) -> None:
    assert layers.label(name) == expected


def test_encoder_and_decoder_are_told_apart_on_the_map() -> None:
    names = ["encoder.block.0.q", "decoder.block.0.q"]
    table = heatmap.table(names, {0: 1.0, 1: 2.0}, "sigma1")
    (trace,) = heatmap.draw(table, scalar="sigma1", quantity="gradient").data
    assert list(trace.y) == ["encoder q", "decoder q"]
