"""Figures as a browser shows them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def drawn(page: Page, label: str) -> Locator:
    """A figure by its label, once plotly has drawn it."""
    figure = page.get_by_role("figure", name=label)
    expect(figure).to_have_attribute("data-drawn", "true", timeout=20_000)
    return figure


def traces(figure: Locator) -> list[int]:
    """How many points each trace of a figure has."""
    # calcdata is what plotly has drawn, after decoding the arrays.
    found: list[int] = figure.evaluate(
        "node => node.calcdata.map(points => points[0].z ? points[0].z.length : points.length)"
    )
    return found
