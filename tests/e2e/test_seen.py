"""What is seen is what is meant: old answers are dimmed, templates show what will run."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from tests.backend.conftest import Process
from tests.e2e.figures import drawn

MINUTES = 60_000


def test_the_curves_of_another_problem_are_dimmed_and_out_of_reach_until_its_own_are_there(
    page: Page,
) -> None:
    few = json.dumps({"grid.seeds": [0], "training.steps": 20})
    page.goto(f"/theory?preset=O1&changes={quote(few)}")
    expect(page.locator("[data-whole=true]")).to_be_visible(timeout=MINUTES)
    drawn(page, "Losses and predictions")
    held: list[Route] = []
    released: list[bool] = []
    page.route(
        re.compile("/api/theory\\?"),
        lambda route: route.continue_() if released else held.append(route),
    )
    page.get_by_role("button", name=re.compile("^O5 ")).click()
    busy = page.locator("[aria-busy=true]")
    expect(busy).to_have_css("opacity", "0.4")
    expect(page.get_by_text("solved in")).to_have_count(0)
    files = busy.locator("a", has_text="CSV")
    expect(files.first).not_to_have_attribute("href", re.compile("."))
    expect(busy.locator("button", has_text="PNG").first).to_be_disabled()
    for _ in range(40):
        page.keyboard.press("Tab")
        assert not page.evaluate("document.activeElement.closest('[aria-busy=true]') !== null")
    released.append(True)
    held[-1].continue_()
    expect(busy).to_have_count(0, timeout=MINUTES)
    expect(page.locator("a", has_text="CSV").first).to_have_attribute("href", re.compile("data:"))


def test_a_theory_run_as_a_template_opens_the_lab_and_a_models_run_the_form(
    page: Page, server: Process, experiment_path: str
) -> None:
    spec: dict[str, Any] = {
        "name": "A problem",
        "task": "teacher-student",
        "methods": ["lora_one"],
        "problem": {"condition": 7, "inputs": 24, "outputs": 16},
        "training": {"steps": 5, "optimizer": "sgd"},
    }
    number = server.post("/api/experiments", spec)["id"]
    server.settle(number)
    run = server.runs(number)[0]["id"]
    page.goto(f"/experiments/{number}")
    page.get_by_role("link", name=f"Use run {run} as a template").click()
    expect(page.get_by_role("heading", name="Theory lab")).to_be_visible()
    expect(page.get_by_text("Condition κ: 7")).to_be_visible()
    expect(page.get_by_text("Inputs d: 24")).to_be_visible()
    page.goto(f"/launch?from={number}")
    expect(page.get_by_text("Condition κ: 7")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/theory\\?from={number}"))
    # The other way round: what the lab cannot show opens the form.
    page.goto(f"/theory?from={experiment_path.rpartition('/')[2]}")
    expect(page.get_by_role("heading", name="Launch")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("From the form")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/launch?run=99999")
    expect(page.get_by_text("there is no run 99999")).to_be_visible()
    assert len([url for url in asked if "99999/template" in url]) == 1
