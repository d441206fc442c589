"""A researcher's week in the browser, in both themes: launch, cancel, find, look, send, move."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.backend.conftest import Process
from tests.e2e.figures import drawn, settled, traces

MINUTES = 60_000
METHODS = ["lora", {"name": "lora_one", "params": {"scale": "spectral"}}, "pissa"]
SPEC: dict[str, Any] = {
    "name": "Last week",
    "methods": METHODS,
    "data": {"max_length": 16, "train_samples": 64, "eval_samples": 16},
    "gradient": {"samples": 8, "micro_batch": 8},
    "training": {"steps": 4, "batch_size": 4, "warmup_steps": 1, "eval_every": 2},
    "measure": {"held_out_samples": 8, "alignment_every": 2, "split_half_agreement": False},
    "grid": {"ranks": [4], "learning_rates": [1e-3]},
}


@pytest.fixture(scope="module")
def finished(server: Process) -> int:
    """An experiment of three methods that has finished."""
    key = int(server.post("/api/experiments", SPEC)["id"])
    assert {run["status"] for run in server.settle(key)} == {"succeeded"}
    return key


@pytest.fixture(params=["light", "dark"], autouse=True)
def theme(request: pytest.FixtureRequest, page: Page) -> Iterator[str]:
    """Each story is told in both themes."""
    page.emulate_media(color_scheme=request.param)
    yield request.param
    page.goto("/settings")
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", request.param)


def tab_to(page: Page, wanted: Locator, most: int = 150) -> None:
    """Press Tab until ``wanted`` has the focus, and check that the focus can be seen."""
    for _ in range(most):
        if wanted.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(wanted).to_be_focused()
    ring = wanted.evaluate(
        "node => { const own = getComputedStyle(node);"
        "return own.outlineStyle !== 'none' || own.borderColor !== '' }"
    )
    assert ring


def test_a_fair_comparison_is_launched_and_half_of_it_cancelled(page: Page) -> None:
    page.goto("/launch")
    page.get_by_role("button", name="Fair comparison").click()
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("48 runs")).to_be_visible()
    expect(plan.get_by_text("3 one-step gradients")).to_be_visible()
    estimate = page.get_by_role("region", name="Estimate")
    expect(estimate.get_by_text(re.compile(r"about \d+ (min|h)"))).to_be_visible(timeout=MINUTES)
    expect(estimate.get_by_text(re.compile(r"about [\d.]+ (MB|GB)"))).to_be_visible()
    plan.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile(r"/experiments/\d+"))
    methods = page.get_by_role("table", name="Methods")
    for method in ("PiSSA", "Full fine-tuning"):
        row = methods.get_by_role("row").filter(has_text=method)
        row.get_by_role("button", name=f"Cancel the other runs of {method}").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel 12 runs").click()
        expect(page.get_by_text("12 runs cancelled").last).to_be_visible()
    runs = page.get_by_role("table", name="Runs")
    expect(runs.get_by_text("cancelled", exact=True)).to_have_count(24)
    page.get_by_role("button", name="Cancel all 24 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 24 runs").click()
    expect(runs.get_by_text("cancelled", exact=True)).to_have_count(48)
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("button", name="Bring back")).to_be_visible()


def test_last_weeks_best_run_is_found_and_is_the_template_of_the_next(
    page: Page, server: Process, finished: int
) -> None:
    losses = {run["id"]: run["summary"]["eval_loss"] for run in server.runs(finished)}
    best = min(losses, key=lambda key: losses[key])
    label = next(run["label"] for run in server.runs(finished) if run["id"] == best)
    since = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    page.goto("/history")
    page.get_by_label("Search experiments").fill(f"since:{since} status:succeeded last week")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Last week", exact=True))
    expect(row.get_by_text(f"{label}, 1 seed")).to_be_visible()
    row.get_by_role("link", name="Last week").click()
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.get_by_role("button", name="Evaluation loss (nats)").click()
    first = page.get_by_role("table", name="Runs").get_by_role("row").nth(1)
    expect(first.get_by_role("cell").first).to_have_text(str(best))
    first.get_by_role("link", name=f"Use run {best} as a template").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value(f"Last week: {label}")
    expect(page.get_by_role("region", name="Plan").get_by_text("1 run", exact=True)).to_be_visible()


def test_layer_three_query_of_three_methods_is_looked_at_by_keyboard_alone(
    page: Page, finished: int
) -> None:
    page.goto(f"/experiments/{finished}")
    page.get_by_role("table", name="Methods").wait_for()
    tab_to(page, page.get_by_role("tab", name="Overview"))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Spectra")).to_have_attribute("aria-selected", "true")
    drawn(page, "Map of all layers")
    layer = page.get_by_label("Layer", exact=True).and_(page.locator("input"))
    tab_to(page, layer)
    page.keyboard.press("Control+A")
    page.keyboard.type("3 · query")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3 · query")).to_be_visible()
    figure = drawn(page, "Spectra of layer 3 · query")
    page.wait_for_function(
        "label => document.querySelector(`[aria-label='${label}']`).data.length >= 6",
        arg="Spectra of layer 3 · query",
    )
    names = figure.evaluate("n => n.data.map(t => t.name)")
    for method in ("LoRA", "LoRA-One (spectral)", "PiSSA"):
        assert any(name.startswith(f"{method}: ") for name in names), names
    assert all(count > 0 for count in traces(figure))
    tab_to(page, page.get_by_role("button", name="Data as a table: Spectra of layer 3 · query"))
    page.keyboard.press("Enter")
    table = page.get_by_role("table", name="Data of: Spectra of layer 3 · query")
    expect(table.get_by_role("columnheader", name="Series")).to_be_visible()
    page.keyboard.press("Escape")
    expect(table).to_have_count(0)
    tab_to(page, page.get_by_role("button", name="Full screen: Spectra of layer 3 · query"))
    page.keyboard.press("Enter")
    drawn(page, "Spectra of layer 3 · query, full screen")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="3 · key")).to_be_visible()
    expect(page).to_have_url(re.compile("layer=19"))


def test_a_colleague_who_opens_a_link_sees_the_same_comparison(
    page: Page, browser: Browser, base_url: str, finished: int
) -> None:
    page.goto("/compare")
    expect(page.get_by_text("Nothing to compare yet")).to_be_visible()
    search = page.get_by_label("Add an experiment or a method").and_(page.locator("input"))
    for name in ("LoRA", "PiSSA"):
        search.fill("last week")
        page.get_by_role("option", name=name, exact=True).first.click()
        expect(page.get_by_role("region", name="What is compared").get_by_text(
            f"{name} · #{finished} Last week"
        )).to_be_visible()  # fmt: skip
    page.get_by_role("tab", name="Alignment").click()
    slider = page.get_by_role("slider", name="Step")
    drawn(page, "Alignment of every layer")  # before, keys mean nothing to the slider
    slider.press("Home")
    expect(page.get_by_role("tabpanel").get_by_text("Step 0", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("step=0"))
    mine = traces(drawn(page, "Alignment over training"))
    other = browser.new_context(base_url=base_url).new_page()
    other.goto(page.url)
    assert traces(drawn(other, "Alignment over training")) == mine
    expect(other.get_by_role("tabpanel").get_by_text("Step 0", exact=True)).to_be_visible()
    other.get_by_role("tab", name="Differences").click()
    differing = other.get_by_role("table", name="Differences")
    expect(differing.get_by_text("LoRA", exact=True).first).to_be_visible()
    other.context.close()
    page.get_by_role("button", name=f"Take out PiSSA · #{finished} Last week").click()
    expect(page).not_to_have_url(re.compile("PiSSA"))
    expect(page.get_by_role("link", name="Compare (1)")).to_be_visible()


def test_an_experiment_leaves_one_place_and_comes_in_at_another_without_loss(
    page: Page, finished: int, tmp_path: Path
) -> None:
    page.goto(f"/experiments/{finished}")
    cells = page.get_by_role("table", name="Methods").get_by_role("cell")
    cells.first.wait_for()
    before = cells.all_inner_texts()
    for form, read in (("CSV", pd.read_csv), ("Parquet", pd.read_parquet)):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=f"Methods as {form}").click()
        downloading.value.save_as(tmp_path / form)
        assert list(read(tmp_path / form)["Method"]) == ["LoRA", "LoRA-One (spectral)", "PiSSA"]
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Export").click()
    file = tmp_path / "exported.json"
    downloading.value.save_as(file)
    page.goto("/history")
    page.locator("input[type=file]").set_input_files(file)
    expect(page).to_have_url(re.compile(rf"/experiments/(?!{finished}$)\d+"))
    cells.first.wait_for()
    assert cells.all_inner_texts() == before
    page.get_by_role("tab", name="Spectra").click()
    assert all(count > 0 for count in traces(drawn(page, "Map of all layers")))
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("button", name="Bring back")).to_be_visible()


def test_every_page_fits_a_phone(page: Page, finished: int) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/history")
    page.get_by_role("button", name="Open the menu").click()
    page.get_by_role("menuitem", name="Queue").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    tabs = ("overview", "curves", "spectra", "alignment", "step0", "cost", "runs", "recipe")
    paths = [f"/experiments/{finished}?tab={tab}" for tab in tabs]
    paths += ["/history", "/launch", "/theory", "/settings", f'/compare?of=["e{finished}"]']
    for path in paths:
        page.goto(path)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
