"""What people of a team and their guest do in their browsers, a step each: every story of a team is
told by them."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.backend.people import accounts

NAME = "O3: LoRA-One against vanilla"
# What a guest's page asks of an experiment's overview, and nothing besides.
SHARED = {"/api/shared", "/api/catalog", "/api/experiments/1", "/api/overview"}


def seen(what: Locator) -> None:
    """It is there soon: at once where nothing else runs on the machine."""
    expect(what).to_be_visible(timeout=60_000)


def sign_in(page: Page, name: str) -> None:
    """As a person does, at the page that was asked for."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).and_(page.locator("input")).fill(accounts.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    seen(page.get_by_role("button", name=f"{name}: account"))


def comes_to_an_empty_history(page: Page, name: str) -> None:
    """Somebody signs in at a link that they were given."""
    page.goto("/history?q=tag:none")
    sign_in(page, name)
    expect(page).to_have_url(re.compile(r"/history\?q=tag"))  # where they wanted to be
    page.goto("/history")
    seen(page.get_by_text("Nothing has been run yet"))


def launches(page: Page, name: str) -> None:
    """Somebody signs in and sends a study of the theory lab to the history: experiment 1."""
    page.goto("/theory")
    sign_in(page, name)
    page.get_by_role("button", name="Send to history").click()
    expect(page).to_have_url(re.compile("/experiments/1$"))


def sees_it_live(page: Page, author: str) -> None:
    """What another has launched is in the list that is open, and opens."""
    page.get_by_role("link", name=NAME).click()
    # Their initials stand before the name.
    seen(page.get_by_text(re.compile(rf"by .*{author}$")))


def is_offered_no_change(page: Page) -> None:
    """Nothing on an experiment's page that a viewer may not do."""
    star = page.get_by_role("button", name=f"Star {NAME}")
    expect(star).to_have_attribute("aria-disabled", "true")
    for offered in ("Share", "Archive", re.compile("^Cancel"), re.compile("Use as|theory lab")):
        expect(page.get_by_role("button", name=offered)).to_have_count(0)


def makes_private(page: Page) -> None:
    """Its owner hides it from the team."""
    page.get_by_role("button", name="Share").click()
    page.get_by_role("menuitem", name="Private").click()
    seen(page.get_by_role("main").get_by_text("Private", exact=True))


def makes_a_link(page: Page) -> str:
    """Its owner shares its overview; the link."""
    page.get_by_role("button", name="Share").click()
    page.get_by_role("menuitem", name="Link for a guest").click()
    page.get_by_text("Overview", exact=True).last.click()
    page.get_by_role("button", name="Make the link").click()
    return page.get_by_text(re.compile(r"/shared#\S+$")).inner_text()


def opens_the_link(guest: Page, link: str, author: str) -> None:
    """A guest sees this one view, asks for nothing besides, and has nothing else."""
    asked: list[tuple[str, str | None]] = []
    guest.on(
        "request",
        lambda request: (
            asked.append((request.url, request.headers.get("authorization")))
            if "/api/" in request.url
            else None
        ),
    )
    guest.goto(link)
    seen(guest.get_by_text(f"{author} shares this with you"))
    seen(guest.get_by_role("table", name="Methods"))
    expect(guest).to_have_url(re.compile("/shared$"))
    for role in ("navigation", "tab"):
        expect(guest.get_by_role(role)).to_have_count(0)
    assert {re.sub(r"^https?://[^/]+|\?.*", "", url) for url, _ in asked} == SHARED
    assert {said for _, said in asked} == {f"Share {link.partition('#')[2]}"}
    guest.goto("/experiments/1")
    seen(guest.get_by_role("heading", name="Sign in"))


def lets_in_no_more(root: Page, name: str) -> None:
    """An administrator, who signs in for it, shuts somebody out."""
    root.goto("/settings?tab=people")
    sign_in(root, "Root")
    root.get_by_role("button", name=f"Options of {name}").click()
    root.get_by_role("menuitem", name="Let in no more").click()
    seen(root.get_by_role("row", name=re.compile(f"{name}.*disabled")))
