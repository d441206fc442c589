"""A report: one HTML file that opens offline, with figures that can still be zoomed and hovered.

It knows no database: sections go in. Everything that people wrote is escaped, or was made safe by
whoever gives it as markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from loraone.analysis.figures.style import fitted

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';
           img-src data: blob:; form-action 'none'; base-uri 'none'">
<title>{{ title }}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 1100px; margin: 2rem auto;
         padding: 0 1rem; }
  h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd }
  .muted { color: #666 } .table { overflow-x: auto }
  table { border-collapse: collapse; font-size: 14px; width: 100% }
  th, td { padding: 4px 10px; text-align: left; border-bottom: 1px solid #eee; white-space: nowrap }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
  pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 13px }
  p.text { white-space: pre-wrap; overflow-wrap: anywhere }
  .written { overflow-wrap: anywhere } .written table { width: auto }
  .written td, .written th { white-space: normal }
  blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 4px solid #ddd; color: #666 }
  code { background: #f6f6f6; padding: 0 3px; font-size: 13px } pre code { padding: 0 }
</style>
<script>{{ plotlyjs }}</script>
</head>
<body>
<h1>{{ title }}</h1>
<p class="muted">{{ subtitle }}</p>
{% for section in sections %}
<section>
<h2>{{ section.title }}</h2>
{% if section.text %}<p class="text">{{ section.text }}</p>{% endif %}
{% if section.rows %}
<div class="table"><table>
<thead><tr>{% for name, number in section.head %}
<th{% if number %} class="number"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in section.rows %}
<tr>{% for cell in row %}
<td{% if section.head[loop.index0][1] %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table></div>
{% endif %}
{{ section.drawn }}
{% if section.written %}<div class="written">{{ section.written }}</div>{% endif %}
{% if section.code %}<pre>{{ section.code }}</pre>{% endif %}
</section>
{% endfor %}
</body>
</html>
"""
)
# What a figure's toolbar offers, on the page too (`frontend/src/ui/Plot.tsx`). plotly's own would
# also upload a figure, with its data, to a service of plotly's.
BUTTONS = [
    ["toImage"],
    ["zoom2d", "pan2d"],
    ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"],
]
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": BUTTONS,
    "showSendToCloud": False,
}


@dataclass(frozen=True)
class Section:
    """One part of a report: a sentence, a table, a figure, text to copy, what people wrote as safe
    HTML; each if there is one."""

    title: str
    text: str = ""
    table: pd.DataFrame | None = None
    figure: go.Figure | None = None
    code: str = ""
    written: Markup | None = None

    @property
    def head(self) -> list[tuple[str, bool]]:
        """Names of the table's columns, and whether they hold numbers."""
        if self.table is None:
            return []
        numeric = pd.api.types.is_numeric_dtype
        return [(str(name), numeric(self.table[name])) for name in self.table.columns]

    @property
    def rows(self) -> list[list[str]]:
        """Its cells, as they are shown."""
        if self.table is None:
            return []
        return [[_cell(value) for value in row] for row in self.table.to_numpy().tolist()]

    @property
    def drawn(self) -> Markup:
        """The figure as HTML; plotly escapes what a script could end in."""
        if self.figure is None:
            return Markup("")
        html = fitted(self.figure).to_html(full_html=False, include_plotlyjs=False, config=_CONFIG)
        return Markup(html)  # noqa: S704


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return "–" if value is None else str(value)


def render(title: str, subtitle: str, sections: Sequence[Section]) -> Iterator[str]:
    """The page in pieces, a figure at a time; about 5 MB, nearly all of it plotly.js."""
    plotlyjs = Markup(get_plotlyjs())  # noqa: S704
    return _PAGE.generate(title=title, subtitle=subtitle, sections=sections, plotlyjs=plotlyjs)
