"""Two people in two browsers, and a guest with a link: who sees what, and who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.backend.people import accounts
from tests.e2e import team as steps
from tests.e2e.stored import served
from tests.e2e.team import seen


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


def test_what_one_launches_another_sees_live_a_guest_by_a_link_and_nobody_who_is_shut_out(
    open_browser: Callable[[], Page],
) -> None:
    ana, ben, guest, root = (open_browser() for _ in range(4))
    steps.comes_to_an_empty_history(ben, "Ben")
    expect(ben.get_by_role("link", name="Launch")).to_have_count(0)

    steps.launches(ana, "Ana")
    # Live, and with nothing that a viewer may not do.
    steps.sees_it_live(ben, "Ana")
    steps.is_offered_no_change(ben)

    steps.makes_private(ana)
    steps.opens_the_link(guest, steps.makes_a_link(ana), "Ana")

    # Private to Ana by now: Ben's page has it no more. Then he is shut out, and sees nothing.
    ben.goto("/history")
    seen(ben.get_by_text("Nothing has been run yet"))
    steps.lets_in_no_more(root, "Ben")
    seen(ben.get_by_role("heading", name="Sign in"))
    expect(ben).to_have_url(re.compile("/history$"))
