"""What holds of every page: axe finds no fault in it, and it fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.figures import settled

TABS = (
    "overview", "curves", "learning-rate", "spectra", "alignment", "step0", "update", "cost",
    "runs", "recipe", "notes",
)  # fmt: skip
# All that the toolbar of a figure may offer; what is not among it may not be there.
ALLOWED = {
    "Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes",
}  # fmt: skip
AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_on_any_page(
    page: Page, experiment_path: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tabs = ("overview", "curves", "learning-rate", "spectra", "alignment", "step0", "update")
    paths = ["/history", "/history?q=colour:red", "/queue", "/launch", "/theory", "/settings"]
    key = experiment_path.rpartition("/")[2]
    paths += ["/compare", f'/compare?of=["e{key}"]', f'/compare?of=["e{key}"]&tab=differences']
    own = (*tabs, "cost", "runs", "recipe", "notes")
    paths += [f"{experiment_path}?tab={tab}" for tab in own]
    found = []
    for path in paths:
        page.goto(path)
        settled(page)
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            (path, row["id"], row["nodes"][0]["html"][:200])
            for row in result["violations"]
            if row["impact"] in ("serious", "critical")
        ]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_at_phone_width(page: Page, experiment_path: str, scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    paths = ["/history", "/queue", "/launch", "/theory"]
    paths += [
        f"{experiment_path}?tab={tab}"
        for tab in (
            "overview",
            "spectra",
            "alignment",
            "step0",
            "update",
            "cost",
            "recipe",
            "notes",
        )
    ]
    for path in paths:
        page.goto(path)
        settled(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path


def test_nothing_leaves_the_machine_and_no_toolbar_offers_that(
    page: Page, base_url: str, experiment_path: str, tmp_path: Path
) -> None:
    """Every request of every page, also of those that lie in the report, goes to the server."""
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    key = experiment_path.rpartition("/")[2]
    paths = [f"{experiment_path}?tab={tab}" for tab in TABS]
    paths += ["/history", "/queue", "/launch", "/theory", "/settings", f'/compare?of=["e{key}"]']
    offered: set[str] = set()
    figures = 0
    for path in paths:
        page.goto(path)
        settled(page)
        figures += page.locator("figure[data-drawn=true]").count()
        offered |= titles(page)
    assert figures >= 10
    assert offered == ALLOWED
    own = (base_url + "/", "data:", f"blob:{base_url}/")
    assert [url for url in asked if not url.startswith(own)] == []
    report = tmp_path / "report.html"
    report.write_bytes(page.request.get(f"/api/experiments/{key}/report.html").body())
    asked.clear()
    page.goto(report.as_uri())
    page.locator(".js-plotly-plot .modebar-btn").first.wait_for(state="attached")
    assert titles(page) == ALLOWED
    page.mouse.wheel(0, 2000)
    page.wait_for_timeout(300)
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {report.as_uri()}


def titles(page: Page) -> set[str]:
    """What the buttons of all toolbars are called."""
    names = page.locator(".modebar-btn").evaluate_all(
        "nodes => nodes.map(node => node.getAttribute('data-title'))"
    )
    return set(names)
