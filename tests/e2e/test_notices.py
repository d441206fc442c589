"""Notices that leave the server: to a webhook that somebody adds in the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import update

from backend.storage.tables import NoticeToSend, now
from tests.backend.notifying.receivers import SECRET, receiving
from tests.backend.web.raw import until
from tests.e2e.stored import finished, served
from tests.e2e.team import NAME, seen


def test_a_webhook_is_added_and_tested_and_told_once_of_all_that_finished(
    page: Page, tmp_path: Path
) -> None:
    settings = {"notice_networks": "127.0.0.1"}
    with receiving() as web, served(tmp_path, **settings) as (app, url):
        page.goto(f"{url}/settings")
        panel = page.get_by_role("region", name="Notices")
        panel.get_by_label("What you call it").fill("my hook")
        panel.get_by_label("Address", exact=True).and_(page.locator("input")).fill(web.address())
        panel.get_by_role("button", name="Add").click()
        seen(panel.get_by_text("json://127.0.0.1", exact=True))
        assert SECRET not in page.content()

        panel.get_by_role("button", name="Test the channel my hook").click()
        seen(page.get_by_text("A word went to my hook."))
        assert web.texts == ["This is a test of the channel my hook: notices arrive here."]
        expect(panel.get_by_role("row", name="my hook")).not_to_contain_text("never")

        for experiment in (1, 2):
            page.goto(f"{url}/theory")
            page.get_by_role("button", name="Send to history").click()
            page.wait_for_url(f"**/experiments/{experiment}")
        for experiment in (1, 2):
            finished(app, experiment)
        with app.state.database.write() as session:  # a minute later
            session.execute(update(NoticeToSend).values(due=now()))
        until(lambda: len(web.came) == 2, 120)
        assert web.texts[1].count(f"{NAME}: all runs have ended") == 2
        assert web.came[1]["title"] == "LoRA-One Lab: 2 experiments"
