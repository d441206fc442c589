"""The description of the API, from our own server alone."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_api_is_described_without_asking_another_machine(page: Page, base_url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="LoRA-One Lab")).to_be_visible()
    page.locator("#operations-catalog-catalog_health .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table .microlight").first
    expect(answer).to_contain_text('"status": "ok"')
    assert [url for url in asked if not url.startswith((base_url, "data:"))] == []
