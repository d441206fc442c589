"""Pages and figures as a browser shows them, once all of them is there."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

# What a page shows instead of what it has not got yet.
_AWAITED = ".mantine-Skeleton-root, figure[data-drawn=false], [aria-busy=true]"


def settled(page: Page) -> None:
    """Wait until a page asks for nothing more and has drawn what it has got."""
    page.get_by_role("heading", level=2).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_function(
        "awaited => [...document.querySelectorAll(awaited)].every(node => !node.checkVisibility())",
        arg=_AWAITED,
        timeout=60_000,
    )


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
