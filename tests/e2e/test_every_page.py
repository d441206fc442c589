"""What holds of every page: axe finds no fault in it, and it fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

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
        page.get_by_role("heading", level=2).wait_for()
        page.wait_for_timeout(1500)
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
        page.get_by_role("heading", level=2).wait_for()
        page.wait_for_load_state("networkidle") if "queue" in path else page.wait_for_timeout(300)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path
