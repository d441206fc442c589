"""What a user does, in a real browser, on MiniLM: launch, watch, look, share, find again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.backend.conftest import Process
from tests.e2e.figures import drawn, traces
from tests.e2e.form import launch_two_runs, tag

MINUTES = 60_000


def test_first_start_offers_the_demo_and_says_nothing_else_is_there(
    page: Page, built_page: Path, tmp_path: Path
) -> None:
    empty = Process(tmp_path, [])
    page.goto(f"{empty.url}/")
    expect(page).to_have_url(re.compile("/history"))
    expect(page.get_by_role("button", name="Launch the demo")).to_be_visible()
    page.goto("about:blank")
    empty.stop()


def test_wrong_fields_are_marked_where_they_are_while_one_types(page: Page) -> None:
    page.goto("/launch")
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("10 runs")).to_be_visible()
    tag(page, "Ranks", "0")
    expect(page.get_by_text("allowed: 1 to 4096").first).to_be_visible()
    expect(plan.get_by_role("button", name="Launch")).to_be_disabled()
    tag(page, "Ranks", "4", "8")
    expect(plan.get_by_text("18 runs")).to_be_visible()
    page.get_by_label("Model", exact=True).fill("./nowhere")
    expect(plan.get_by_text("outside the folders")).to_be_visible()
    page.get_by_label("Model", exact=True).fill("builtin:minilm")
    expect(plan.get_by_role("button", name="Launch")).to_be_enabled()


def test_a_field_appears_with_what_it_belongs_to_and_a_closed_section_says_its_problems(
    page: Page,
) -> None:
    page.goto("/launch")
    page.get_by_role("button", name="Measurements", exact=True).click()
    top = page.get_by_label("Intruders among the top")
    top.fill("12")
    switch = page.get_by_label("Intruder dimensions")
    for shown in (False, True):
        switch.click()
        expect(top).to_have_count(int(shown))
    expect(top).to_have_value("12")
    top.fill("0")
    page.get_by_role("button", name="Measurements 1 problem", exact=True).click()
    expect(top).to_be_hidden()
    expect(page.get_by_role("button", name="Measurements 1 problem", exact=True)).to_be_visible()


def test_launch_from_the_form_and_watch_it_finish(page: Page) -> None:
    page.goto("/launch")
    launch_two_runs(page, "Watched live", steps=8)
    # Live: a bar moves while the run does, without a reload.
    expect(page.get_by_role("progressbar").first).to_be_visible(timeout=MINUTES)
    expect(page.get_by_text(re.compile(r"training \d of 8"))).to_be_visible(timeout=2 * MINUTES)
    expect(page.get_by_role("table", name="Runs").get_by_text("succeeded")).to_have_count(
        2, timeout=3 * MINUTES
    )
    expect(page.get_by_text("cannot be told from seed noise")).to_be_visible()


def test_the_queue_shows_the_lane(page: Page) -> None:
    page.goto("/queue")
    lane = page.get_by_role("group", name="Lane CPU")
    expect(lane.get_by_text("Free")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_text("Nothing waits.")).to_be_visible()


@pytest.mark.parametrize(
    ("tab", "label", "least"),
    [
        ("Curves", "Curves of eval loss", 2),
        ("Learning rate", "Final eval loss against learning rate", 2),
        ("Spectra", "Map of all layers", 1),
        ("Alignment", "Alignment over training", 4),
        ("Alignment", "Overlap of single directions", 2),
        ("Step 0", "Losses around the initialisation", 2),
        ("Step 0", "Per layer: Size of the init ‖s·B₀A₀‖_F / ‖W‖_F", 1),
        ("Update", "Per layer: Update and gradient, out side (mean cos²)", 3),
    ],
)
def test_no_figure_is_empty_and_a_reload_shows_the_same(
    page: Page, experiment_path: str, tab: str, label: str, least: int
) -> None:
    page.goto(experiment_path)
    page.get_by_role("tab", name=tab, exact=True).click()
    before = traces(drawn(page, label))
    assert len(before) >= least
    assert all(count > 0 for count in before)
    page.reload()
    expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
    assert traces(drawn(page, label)) == before


def test_a_figure_is_saved_as_it_is_shown(page: Page, experiment_path: str, tmp_path: Path) -> None:
    page.goto(f"{experiment_path}?tab=alignment")
    drawn(page, "Alignment over training")
    for form, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=form, exact=True).first.click()
        assert downloading.value.suggested_filename == f"alignment-over-training.{form.lower()}"
        downloading.value.save_as(tmp_path / form)
        assert (tmp_path / form).read_bytes().startswith(start)


def test_a_click_on_the_map_opens_that_layers_spectra_and_keys_step(
    page: Page, experiment_path: str
) -> None:
    page.goto(f"{experiment_path}?tab=spectra")
    figure = drawn(page, "Map of all layers")
    box = figure.locator(".nsewdrag").first.bounding_box()
    assert box
    # The pointer over block 4, query looks ahead; the layer that is open stays.
    page.mouse.move(box["x"] + box["width"] * 4.5 / 6, box["y"] + box["height"] * 0.5 / 6)
    expect(page.get_by_role("heading", name="4 · query")).to_be_visible()
    expect(page.get_by_text("under the pointer; click to stay")).to_be_visible()
    expect(page).not_to_have_url(re.compile("layer="))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] + 200)
    expect(page.get_by_role("heading", name="0 · query")).to_be_visible()
    # The third column and the second row: block 2, key.
    page.mouse.click(box["x"] + box["width"] * 2.5 / 6, box["y"] + box["height"] * 1.5 / 6)
    expect(page.get_by_role("heading", name="2 · key")).to_be_visible()
    expect(page).to_have_url(re.compile(r"layer=13"))
    spectra = drawn(page, "Spectra of layer 2 · key")
    assert len(traces(spectra)) >= 5
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="2 · value")).to_be_visible()
    page.get_by_text("LoRA-One (spectral)").first.click()
    expect(page).to_have_url(re.compile("methods="))
    page.reload()
    expect(page.get_by_role("heading", name="2 · value")).to_be_visible()
    names = drawn(page, "Spectra of layer 2 · value").evaluate("n => n.data.map(t => t.name)")
    assert not any("LoRA-One" in name for name in names)


def test_history_finds_by_words_and_the_link_keeps_the_search(
    page: Page, experiment_path: str
) -> None:
    page.goto("/history")
    expect(page.get_by_role("link", name="From the form")).to_be_visible()
    page.get_by_label("Search experiments").fill("zebra")
    expect(page.get_by_text("No experiment fits “zebra”")).to_be_visible()
    page.get_by_label("Search experiments").fill("form lora-one")
    expect(page).to_have_url(re.compile(r"q=form"))
    page.reload()
    expect(page.get_by_role("link", name="From the form")).to_be_visible()
    expect(page.get_by_label("Search experiments")).to_have_value("form lora-one")


def test_an_experiment_is_starred_tagged_written_about_and_archived(
    page: Page, experiment_path: str
) -> None:
    page.goto(experiment_path)
    page.get_by_role("button", name="Star From the form").click()
    expect(page.get_by_role("button", name="Star From the form")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_label("Tags").and_(page.locator("input")).fill("paper")
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Notes").click()
    page.get_by_role("button", name="Write notes").click()
    page.get_by_label("Notes in Markdown").fill("LoRA-One **helped** <img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("strong", has_text="helped")).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    page.goto("/history?q=is:starred tag:paper")
    expect(page.get_by_role("link", name="From the form")).to_be_visible()
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name of the view").fill("Good ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("menuitem", name="Good ones")).to_be_visible()
    page.goto("/history")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Good ones").click()
    expect(page.get_by_label("Search experiments")).to_have_value("is:starred tag:paper")
    page.get_by_label("Choose From the form").click()
    page.get_by_role("region", name="Chosen experiments").get_by_text("Archive").click()
    page.goto("/history")
    expect(page.get_by_role("link", name="From the form")).to_have_count(0)
    page.goto("/history?q=is:archived")
    page.get_by_label("Choose From the form").click()
    page.get_by_role("button", name="Bring back").click()
    page.goto("/history")
    expect(page.get_by_role("link", name="From the form")).to_be_visible()


def test_a_report_opens_offline_with_all_its_figures(
    page: Page, experiment_path: str, tmp_path: Path
) -> None:
    page.goto(experiment_path)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Report").click()
    file = tmp_path / "report.html"
    downloading.value.save_as(file)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", name="From the form")).to_be_visible()
    plots = page.locator(".js-plotly-plot")
    expect(plots).to_have_count(8)
    empty = plots.evaluate_all("nodes => nodes.filter(n => n.data.length === 0).length")
    assert empty == 0
    assert [url for url in asked if url.startswith("http")] == []
    page.context.set_offline(False)


def test_an_old_experiment_is_a_template_and_can_be_cancelled(
    page: Page, experiment_path: str
) -> None:
    page.goto(experiment_path)
    page.get_by_role("link", name="Use as template").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("From the form")
    page.get_by_label("Name", exact=True).fill("Second thoughts")
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("2 runs")).to_be_visible()
    plan.get_by_role("button", name="Launch").click()
    page.get_by_role("button", name="Cancel all 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 2 runs").click()
    expect(
        page.get_by_role("table", name="Runs").get_by_text("cancelled", exact=True)
    ).to_have_count(2, timeout=MINUTES)
