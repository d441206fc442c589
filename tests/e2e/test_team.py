"""Two people in two browsers, and a guest with a link: who sees what, and who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, expect

from tests.backend.people import accounts
from tests.e2e.stored import served

NAME = "O3: LoRA-One against vanilla"
# What a guest's page asks of an experiment's overview, and nothing besides.
SHARED = {"/api/shared", "/api/catalog", "/api/experiments/1", "/api/overview"}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[tuple[FastAPI, str]]:
    """A server where an editor, a viewer and an administrator have accounts; no lane starts."""
    with served(tmp_path, auth="local") as (app, url):
        app.state.passwords = accounts.quick()
        accounts.with_password(app, "Ana", "editor")
        accounts.with_password(app, "Ben", "viewer")
        accounts.with_password(app, "Root", "administrator")
        yield app, url


@pytest.fixture
def open_browser(browser: Browser, team: tuple[FastAPI, str]) -> Iterator[Callable[[], Page]]:
    """Opens browsers that share nothing with each other."""
    contexts = []

    def opened() -> Page:
        contexts.append(browser.new_context(base_url=team[1]))
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def seen(what: Locator) -> None:
    """It is there soon: at once where nothing else runs on the machine."""
    expect(what).to_be_visible(timeout=20_000)


def sign_in(page: Page, name: str) -> None:
    """As a person does, at the page that was asked for."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).and_(page.locator("input")).fill(accounts.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    seen(page.get_by_role("button", name=f"{name}: account"))


def test_what_one_launches_another_sees_live_a_guest_by_a_link_and_nobody_who_is_shut_out(
    open_browser: Callable[[], Page],
) -> None:
    ana, ben, guest, root = (open_browser() for _ in range(4))
    ben.goto("/history?q=tag:none")
    sign_in(ben, "Ben")
    expect(ben).to_have_url(re.compile(r"/history\?q=tag"))  # where he wanted to be
    ben.goto("/history")
    seen(ben.get_by_text("Nothing has been run yet"))
    expect(ben.get_by_role("link", name="Launch")).to_have_count(0)

    ana.goto("/theory")
    sign_in(ana, "Ana")
    ana.get_by_role("button", name="Send to history").click()
    expect(ana).to_have_url(re.compile("/experiments/1$"))

    # Live, and with nothing that a viewer may not do.
    ben.get_by_role("link", name=NAME).click()
    seen(ben.get_by_text("by Ana"))
    expect(ben.get_by_role("button", name=f"Star {NAME}")).to_have_attribute(
        "aria-disabled", "true"
    )
    for offered in ("Share", "Archive", re.compile("^Cancel"), re.compile("Use as|theory lab")):
        expect(ben.get_by_role("button", name=offered)).to_have_count(0)

    ana.get_by_role("button", name="Share").click()
    ana.get_by_role("menuitem", name="Private").click()
    seen(ana.get_by_role("main").get_by_text("Private", exact=True))
    ana.get_by_role("button", name="Share").click()
    ana.get_by_role("menuitem", name="Link for a guest").click()
    ana.get_by_text("Overview", exact=True).last.click()
    ana.get_by_role("button", name="Make the link").click()
    link = ana.get_by_text(re.compile(r"/shared#\S+$")).inner_text()

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
    seen(guest.get_by_text("Ana shares this with you"))
    seen(guest.get_by_role("table", name="Methods"))
    expect(guest).to_have_url(re.compile("/shared$"))
    for role in ("navigation", "tab"):
        expect(guest.get_by_role(role)).to_have_count(0)
    assert {re.sub(r"^http://[^/]+|\?.*", "", url) for url, _ in asked} == SHARED
    assert {said for _, said in asked} == {f"Share {link.partition('#')[2]}"}
    guest.goto("/experiments/1")
    seen(guest.get_by_role("heading", name="Sign in"))

    # Private to Ana by now: Ben's page has it no more. Then he is shut out, and sees nothing.
    ben.goto("/history")
    seen(ben.get_by_text("Nothing has been run yet"))
    root.goto("/settings?tab=people")
    sign_in(root, "Root")
    root.get_by_role("button", name="Options of Ben").click()
    root.get_by_role("menuitem", name="Let in no more").click()
    seen(root.get_by_role("row", name=re.compile("Ben.*disabled")))
    seen(ben.get_by_role("heading", name="Sign in"))
    expect(ben).to_have_url(re.compile("/history$"))
