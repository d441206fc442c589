"""A report escapes what people wrote, and its figures come from the sections alone."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures import style
from loraone.analysis.report import BUTTONS, Section, render

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_everything_that_people_wrote_is_escaped() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[2], name=HOSTILE))
    table = pd.DataFrame({HOSTILE: [HOSTILE, None], "n": [1.23456, float("nan")]})
    page = "".join(render(HOSTILE, HOSTILE, [Section(HOSTILE, HOSTILE, table, figure, HOSTILE)]))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;/script&gt;" in page
    assert ">1.235<" in page
    assert page.count(">–<") == 2


def test_a_section_may_be_empty() -> None:
    page = "".join(render("Title", "", [Section("Nothing yet")]))
    assert "Nothing yet" in page
    assert "<table" not in page


def test_no_figure_offers_to_upload_itself_wherever_it_is_shown() -> None:
    """In a report the toolbar has what is listed; elsewhere the figure itself takes it out."""
    drawn = style.figure("light")
    assert list(drawn.layout.modebar.remove) == ["sendChartToCloud"]
    page = "".join(render("T", "", [Section("S", figure=drawn)]))
    body = page[page.rindex("Plotly.newPlot(") :]
    assert '"showSendToCloud": false' in body
    assert '"modeBarButtons": [["toImage"]' in body
    assert "plotlyServerURL" not in body
    buttons = {name for group in BUTTONS for name in group}
    assert buttons == {"toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d"} | {
        "autoScale2d",
        "resetScale2d",
    }
    page_of_react = Path(__file__).parents[3] / "frontend/src/ui/Plot.tsx"
    listed = page_of_react.read_text().split("BUTTONS = [")[1].split("];")[0]
    assert set(re.findall(r'"(\w+)"', listed)) == buttons, "the page and the report differ"
    assert "form-action 'none'" in page, "nothing is sent by a form either"
