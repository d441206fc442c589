"""What is typed is kept: over other pages, Back, a reload; until it is sent or discarded."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.backend.conftest import Process

MINUTES = 60_000
RESTORED = "Draft restored"


def test_edits_on_launch_outlive_a_preset_back_and_a_reload_and_end_with_the_launch(
    page: Page,
) -> None:
    page.goto("/history")
    page.get_by_role("link", name="Launch").click()
    name = page.get_by_label("Name", exact=True)
    usual = name.input_value()
    name.fill("Half an idea")
    page.get_by_role("button", name="Fair comparison").click()
    expect(page).to_have_url(re.compile("preset=fair"))
    expect(name).not_to_have_value("Half an idea")
    page.get_by_role("alert").get_by_role("button", name="Undo").click()
    expect(name).to_have_value("Half an idea")
    expect(page.get_by_text(RESTORED)).to_be_visible()

    page.go_back()
    page.go_forward()
    expect(name).to_have_value("Half an idea")
    page.reload()
    expect(name).to_have_value("Half an idea")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Launch").click()
    expect(name).to_have_value("Half an idea")

    other = page.context.new_page()
    other.goto("/launch")
    expect(other.get_by_label("Name", exact=True)).to_have_value(usual)
    other.close()

    page.get_by_role("button", name="Discard").click()
    expect(name).to_have_value(usual)
    page.get_by_role("alert").get_by_role("button", name="Undo").last.click()
    expect(name).to_have_value("Half an idea")

    # A draft of another release, with a field that is not there any more.
    page.evaluate(
        "() => { const key = 'draft: launch demo';"
        "sessionStorage.setItem(key, JSON.stringify("
        "{...JSON.parse(sessionStorage.getItem(key)), gone: 1})) }"
    )
    page.reload()
    expect(name).to_have_value(usual)
    expect(page.get_by_text(RESTORED)).to_have_count(0)

    page.goto("/launch")
    name.fill("Launched at last")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("heading", name="Launched at last")).to_be_visible()
    cancel = page.get_by_role("button", name=re.compile("^Cancel "))
    cancel.first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel .* runs$")).click()
    expect(cancel).to_have_count(0, timeout=MINUTES)
    page.get_by_role("link", name="Launch").click()
    expect(name).to_have_value(usual)


def test_a_notes_draft_outlives_another_tab_and_a_version_of_somebody_else(
    page: Page, server: Process
) -> None:
    spec = {"name": "Noted", "task": "teacher-student", "methods": ["lora"]}
    notes = f"/api/experiments/{server.post('/api/experiments', spec)['id']}/notes"
    page.goto(notes.replace("/api", "").replace("/notes", "?tab=notes"))
    page.get_by_role("button", name="Write notes").click()
    text = page.get_by_label("Notes in Markdown")
    text.fill("Half a *thought*")
    page.get_by_role("tab", name="Overview").click()
    page.get_by_role("tab", name="Notes").click()
    expect(text).to_have_value("Half a *thought*")
    expect(page.get_by_text(RESTORED)).to_be_visible()
    server.post(notes, {"text": "Somebody **else**", "base": 0})
    page.reload()
    expect(text).to_have_value("Half a *thought*")
    expect(page.locator("strong", has_text="else")).to_be_visible()
    page.get_by_role("button", name="Save on top of version 1").click()
    expect(page.locator("em", has_text="thought")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible()
    expect(text).to_have_count(0)


def test_changes_in_the_theory_lab_outlive_another_problem_and_another_page(page: Page) -> None:
    page.goto("/theory?preset=O1")
    page.get_by_role("slider", name="Noise").press("ArrowRight")
    noisy = page.get_by_text("Noise: 0.05")
    expect(noisy).to_be_visible()
    page.get_by_role("button", name=re.compile("^O3 ")).click()
    expect(noisy).to_have_count(0)
    page.get_by_role("alert").get_by_role("button", name="Undo").click()
    expect(noisy).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.goto("/theory?preset=O1")
    expect(noisy).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Noise: 0", exact=True)).to_be_visible()
    page.goto("/theory?preset=O1")
    expect(page.get_by_text("Noise: 0", exact=True)).to_be_visible()
