"""The launch form, filled as a user fills it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def tag(page: Page, label: str, *values: str) -> None:
    """Replace the tags of the last field with this label: the one of the grid."""
    field = page.get_by_label(label, exact=True).and_(page.locator("input")).last
    field.click()
    for _ in range(6):
        field.press("Backspace")
    for value in values:
        field.fill(value)
        field.press("Enter")


def launch_two_runs(page: Page, name: str, steps: int) -> None:
    """LoRA and LoRA-One on MiniLM, one learning rate, a few steps; ends on their page."""
    page.get_by_label("Name", exact=True).fill(name)
    for method in ("PiSSA", "Full fine-tuning"):
        page.get_by_role("button", name=f"Remove {method}").click()
    page.get_by_role("button", name="Remove LoRA-One").last.click()
    tag(page, "Learning rates", "1e-3")
    page.get_by_role("button", name="Training", exact=True).click()
    page.get_by_label("Steps", exact=True).fill(str(steps))
    page.get_by_label("Evaluate every").fill(str(steps // 2))
    page.get_by_role("button", name="Data", exact=True).click()
    page.get_by_label("Evaluation texts").fill("32")
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("2 runs")).to_be_visible()
    plan.get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile(r"/experiments/\d+"))
    expect(page.get_by_role("heading", name=name)).to_be_visible()
