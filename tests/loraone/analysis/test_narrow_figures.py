"""Figures on a narrow screen: no text widens an axis, and none is longer than the figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from loraone.analysis.figures import columns, spectra
from loraone.analysis.figures.style import fitted
from loraone.catalog import LAYER_METRICS

RUNS = pd.DataFrame(
    {"run_id": [1], "method": ["lora"], "origin": [""], "series": ["LoRA"], "seed": [0]}
)


@pytest.mark.parametrize("rank", [1, 8, 128])
def test_the_rank_of_spectra_is_said_without_widening_their_axis(rank: int) -> None:
    values = np.logspace(0, -3, 384)
    rows = spectra.table(
        {
            (1, "gradient"): spectra.MeasuredValues(values),
            (1, "update"): spectra.MeasuredValues(values[:rank]),
        },
        RUNS,
    )
    drawn = spectra.draw(rows, RUNS, rank=rank)
    (said,) = drawn.layout.annotations
    # A text at a place of the data takes part in the range, with the width of its pixels.
    assert (said.xref, said.yref) == ("paper", "paper")
    assert f"r = {rank}" in said.text
    assert "of G = " in said.text
    assert max(len(line) for line in said.text.split("<br>")) <= 60
    (line,) = drawn.layout.shapes
    assert (line.x0, line.x1) == (rank, rank)


def longest(text: str) -> int:
    return max(len(line) for line in text.split("<br>"))


@pytest.mark.parametrize("name", LAYER_METRICS)
def test_the_title_of_no_metric_is_longer_than_a_phones_axis(name: str) -> None:
    row = LAYER_METRICS[name]
    table = columns.table({1: [0.5, 0.25]}, RUNS, ["layers.0.q", "layers.1.q"])
    title = fitted(columns.draw(table, RUNS, ["a", "b"], row=row)).layout.yaxis.title.text
    assert longest(title) <= 28
    assert title.replace("<br>", " ").startswith(row.label)


def test_titles_of_axes_and_scales_are_broken_between_words_and_tags_stay_whole() -> None:
    drawn = make_subplots(rows=1, cols=2)
    name = "LoRA-One (gradient, γ auto): Initial adapter s·B<sub>0</sub>A<sub>0</sub>"
    drawn.add_trace(go.Scatter(x=[1], y=[1], name=name), row=1, col=1)
    scale = {"title": {"text": "Effective rank of what training added"}}
    drawn.add_trace(go.Heatmap(z=[[1]], colorbar=scale), row=1, col=2)
    title = "Norm of s·B<sub>0</sub>A<sub>0</sub> as training has left it"
    drawn.update_yaxes(title=title, col=2)
    shown = fitted(drawn)
    assert shown.data[0].name == name
    assert longest(shown.data[1].colorbar.title.text) <= 28
    assert shown.layout.yaxis2.title.text.replace("<br>", " ") == title
    assert shown.layout.yaxis.title.text is None
