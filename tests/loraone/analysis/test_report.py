"""A report escapes what people wrote, and its figures come from the sections alone."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.report import Section, render

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_everything_that_people_wrote_is_escaped() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[2], name=HOSTILE))
    table = pd.DataFrame({HOSTILE: [HOSTILE, None], "n": [1.23456, float("nan")]})
    page = render(HOSTILE, HOSTILE, [Section(HOSTILE, HOSTILE, table, figure, HOSTILE)])
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;/script&gt;" in page
    assert ">1.235<" in page
    assert page.count(">–<") == 2


def test_a_section_may_be_empty() -> None:
    page = render("Title", "", [Section("Nothing yet")])
    assert "Nothing yet" in page
    assert "<table" not in page
