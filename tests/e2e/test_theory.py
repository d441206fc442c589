"""The theory lab in a real browser: live, shareable, stored when one asks for it."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, expect

from tests.e2e.figures import drawn, traces

MINUTES = 60_000


def test_the_theory_lab_solves_while_one_moves_a_slider_and_the_link_keeps_it(page: Page) -> None:
    page.goto("/theory?preset=O1")
    figure = drawn(page, "Losses and predictions")
    expect(page.get_by_text("10 runs, 10 seeds")).to_be_visible(timeout=MINUTES)
    before = figure.evaluate("n => n.data.find(t => t.name === 'LoRA').y")
    page.get_by_role("slider", name="Learning rate η").press("ArrowLeft")
    expect(page).to_have_url(re.compile("learning_rates"))
    expect(page.locator("[data-whole=true]")).to_be_visible(timeout=MINUTES)
    page.wait_for_function(
        "old => JSON.stringify(document.querySelector('[aria-label=\"Losses and predictions\"]')"
        ".data.find(t => t.name === 'LoRA').y) !== old",
        arg=json.dumps(before, separators=(",", ":")),
    )
    expect(page.get_by_role("table", name="Predictions").get_by_role("row")).to_have_count(3)
    page.reload()
    expect(page.get_by_text("Learning rate η: 0.27")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Learning rate η: 0.3", exact=True)).to_be_visible()


def test_a_theory_experiment_goes_to_history_and_opens_in_the_lab_again(page: Page) -> None:
    page.goto("/theory?preset=O3n")
    drawn(page, "Losses and predictions")
    seeds = page.get_by_role("slider", name="Seeds")
    seeds.press("Home")
    seeds.press("ArrowRight")
    expect(page.get_by_text("Seeds: 2")).to_be_visible()
    page.get_by_role("button", name="Send to history").click()
    expect(page).to_have_url(re.compile(r"/experiments/\d+"))
    expect(page.get_by_role("table", name="Runs").get_by_text("succeeded")).to_have_count(
        4, timeout=2 * MINUTES
    )
    page.get_by_role("tab", name="Curves").click()
    assert all(count > 0 for count in traces(drawn(page, "Curves of relative loss")))
    page.get_by_role("link", name="Open in the theory lab").click()
    expect(page.get_by_text("4 runs, 2 seeds")).to_be_visible(timeout=MINUTES)
