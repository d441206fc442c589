"""A figure of too many points is drawn with fewer, says so, and loses no peak."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from loraone.analysis.figures.thinned import MOST_BYTES, thinned

STEPS = 200_000


def noisy(count: int = STEPS) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=count)
    values[[0, 1234, count // 2, -1]] = 5.0, -80.0, 90.0, 7.0
    return values


def test_a_figure_of_three_million_points_is_sent_in_a_few_megabytes() -> None:
    steps = np.arange(STEPS)
    lines = [go.Scatter(x=steps, y=noisy(), name=f"series {i}") for i in range(15)]
    drawn = thinned(go.Figure(lines))
    assert len(drawn.to_json()) < 1.5 * MOST_BYTES < 10_000_000
    for line in drawn.data:
        assert (line.x[0], line.x[-1]) == (0, STEPS - 1)
        assert {5.0, -80.0, 90.0, 7.0} <= set(line.y)
        assert (np.diff(line.x) > 0).all()
        assert (line.y == noisy()[line.x]).all()
    (note,) = drawn.layout.annotations
    left = sum(len(line.x) for line in drawn.data)
    assert note.text.startswith(f"{left:,} of 3,000,000 points are drawn")


def test_what_is_written_at_each_point_counts_and_stays_with_its_point() -> None:
    names = [f"{'layer' * 40} {i}" for i in range(40_000)]
    line = go.Scatter(x=np.arange(40_000), y=noisy(40_000), customdata=names)
    drawn = thinned(go.Figure([line]))
    assert len(drawn.to_json()) < 1.5 * MOST_BYTES
    assert [names[i] for i in drawn.data[0].x] == list(drawn.data[0].customdata)


def test_where_nothing_was_measured_a_line_has_its_gap_still() -> None:
    values = noisy(4000)
    values[1000:3000] = np.nan
    line = thinned(go.Figure([go.Scatter(x=np.arange(4000), y=values)]), most=24 * 400).data[0]
    assert len(line.x) <= 400 and np.isnan(line.y[(line.x >= 1000) & (line.x < 3000)]).all()
    assert np.isnan(line.y).any()


def test_a_figure_that_a_page_can_take_is_as_it_was() -> None:
    made = go.Figure([go.Scatter(x=np.arange(4000), y=noisy(4000))])
    assert thinned(go.Figure(made)) == made
