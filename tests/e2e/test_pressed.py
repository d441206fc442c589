"""Everybody presses every button that they are offered: none of them is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from backend.storage.store import experiments, lanes
from backend.storage.tables import Role
from loraone.spec.experiment import ExperimentSpec
from tests.backend.people import accounts
from tests.backend.storage import binned
from tests.e2e.pressing import DRIVER, Sent, Tour
from tests.e2e.stored import finished, served
from tests.sampling import WHOLE

PAGES = (
    "/history", "/queue", '/compare?of=["e1","e3"]', "/experiments/1", "/experiments/2",
    "/experiments/3", "/experiments/4", "/settings", "/account", "/theory", "/launch",
)  # fmt: skip
# Of what a viewer's page sends, what only asks; and what is of their own account.
ASKING = re.compile("POST /api/(plan|markdown|tables/parquet|theory(/.*)?)")
# Of one page, between two times that it is opened: something led away from it.
MOST_VISITS = 30
OWN = re.compile("[A-Z]+ /api/(notices/.*|notice-channels.*|me/.*|tokens.*|sign-out.*)")
# Buttons that wait for something typed, chosen or drawn.
WAITING = {
    "Rename", "Reset", "Comment", "Save", "Tag", "Free adapters (# B)", "Free adapters (# kB)",
    "Free now", "Delete", "Give it to them …", "Make the link", "Launch", "Send to history",
    "first page", "previous page", "next page", "last page",
    "PNG", "SVG", "CSV", "Parquet", "Full screen: a figure", "Data as a table: a figure",
}  # fmt: skip
# Some of what each presses, so that none of it is gone unseen.
PRESSED: dict[Role | None, set[str]] = {
    None: {"Curves", "as CSV", "Previous layer", "Differences"},
    "viewer": {
        "Mark all read", "Copy link", "Log of run #", "Comments on run #", "Sign out", "Make",
        "Sign out everywhere", "End An unknown browser of #.#.#.#",
    },
    "editor": {
        "Launch", "Send to history", "Share", "Make the link", "Retry run #", "Delete run #",
        "Edit", "Restore", "Move run # to the top", "Archive", "Delete", "Run before others",
        "Forget of #",
    },
    "administrator": {
        "Owner …", "Pause Finish this run, take no other", "Make a link", "Withdraw",
        "Let in no more", "Quotas …", "Set", "Sign out everywhere", "Audit", "Launch",
    },
}  # fmt: skip


@dataclass
class Team:
    """A server, who is there, and a link of a guest."""

    app: FastAPI
    url: str
    people: dict[Role, int]
    link: str

    def cookie(self, role: Role) -> dict[str, str]:
        """What a browser has in which somebody just signed in."""
        (secret,) = accounts.signed_in(self.app, self.people[role]).cookies.values()
        name = self.app.state.callers.cookie(self.url.removeprefix("http://"))
        return {"name": name, "value": secret, "url": self.url}


def launched(app: FastAPI, name: str, owner: str, person: int) -> int:
    """An experiment of two runs that wait."""
    spec = {"name": name, "methods": ["lora", "pissa"]}
    with app.state.database.write() as session:
        return experiments.create(session, ExperimentSpec.model_validate(spec), owner, person).id


def ask(client: TestClient, method: str, path: str, **body: object) -> Any:
    """What is answered to somebody who may."""
    answer = client.request(method, f"/api{path}", json=body or None)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """With something of all that buttons are about: runs that ended or wait, an adapter, comments,
    notes, a view, the bin, links, invitations, tokens, a lane."""
    home = tmp_path_factory.mktemp("team")
    with served(home, auth="local", benchmark_device=False) as (app, url):
        database = app.state.database
        ben = accounts.person(database, "Ben", "viewer")
        ana = accounts.person(database, "Ana", "editor")
        root = accounts.person(database, "Root", "administrator")
        for name in ("Ended", "Waiting"):
            launched(app, name, "Ana", ana)
        launched(app, "Other", "Root", root)
        for key in (1, 3):
            finished(app, key)
        kept = binned.finished(database, home, "Ana", ana)
        launched(app, "Later", "Ana", ana)
        with database.write() as session:
            lanes.present(session, ["CPU"])
            kept_run = experiments.run_ids(session, kept)[0]
        viewer, editor, administrator = (accounts.signed_in(app, key) for key in (ben, ana, root))
        for client, own in ((editor, 1), (administrator, 3)):
            ask(client, "POST", f"/experiments/{own}/notes", text="# What it is about", base=0)
            ask(client, "POST", f"/experiments/{own}/comments", text="Look, @Ben, @Ana, @Root")
            ask(client, "POST", "/views", name=f"of {own}", query="method:lora")
        ask(editor, "POST", "/runs/cancel?of=r3")
        ask(editor, "DELETE", f"/runs/{kept_run}")
        for client in (viewer, editor, administrator):
            ask(client, "POST", "/tokens", name="a notebook", scope="read", days=9)
        compared = ["e1", "e2", "e4"]
        view = f"/compare?of={json.dumps(compared, separators=(',', ':'))}"
        link = ask(editor, "POST", "/shares", of=compared, view=view)
        ask(administrator, "POST", "/people/invite", role="viewer")
        people: dict[Role, int] = {"viewer": ben, "editor": ana, "administrator": root}
        yield Team(app, url, people, f"/shared#{link['secret']}")


def toured(browser: Browser, team: Team, role: Role | None, known: list[str]) -> Tour:
    """All that somebody with this role presses, on all pages; None: a guest."""
    context = browser.new_context(base_url=team.url)
    context.add_init_script(path=DRIVER)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    tour = Tour(known)
    for path in PAGES if role else (team.link,):
        for _ in range(MOST_VISITS):
            signed_out = page.get_by_role("heading", name="Sign in").count() > 0
            if role and (signed_out or page.url == "about:blank"):
                context.add_cookies([team.cookie(role)])
                page.goto(path)
            if tour.press_all(page, path):
                break
        else:
            raise AssertionError(f"{path} is left again and again")
    refused = {href: page.request.get(href).status for href in of_each_kind(tour.files)}
    context.close()
    assert errors == []
    assert {href: status for href, status in refused.items() if status != 200} == {}
    return tour


def of_each_kind(files: set[str]) -> list[str]:
    """One link to a file of each route and format."""
    kinds = {re.sub(r"\?.*(format=\w+).*|\d+", r"\1", href): href for href in files}
    return sorted(kinds.values())


def name_of(key: str) -> str:
    """What a button is called, without where it stands."""
    return key.split(": ", 1)[1]


def is_refused(row: Sent) -> bool:
    """Whether somebody was refused what they may; not what was under way when they signed out."""
    status = row["status"]
    return status >= 500 or status == 403 or (status == 401 and "Sign out" not in row["button"])


@pytest.fixture(scope="module")
def viewers(browser: Browser, team: Team) -> Tour:
    """All that a viewer presses."""
    return toured(browser, team, "viewer", [])


@pytest.fixture(scope="module")
def editors(browser: Browser, team: Team, viewers: Tour) -> Tour:
    """All that an editor presses, but for what a viewer may read."""
    return toured(browser, team, "editor", viewers.reading)


@pytest.mark.skipif(not WHOLE, reason="a tour of minutes: make whole")
@pytest.mark.parametrize("role", ["viewer", None, "editor", "administrator"])
def test_nothing_that_somebody_is_offered_is_refused(
    browser: Browser, team: Team, viewers: Tour, editors: Tour, role: Role | None
) -> None:
    # What one may read, everybody may who may more.
    known = [] if role is None else viewers.reading + editors.reading
    tours = {"viewer": viewers, "editor": editors}
    tour = tours.get(role or "") or toured(browser, team, role, known)
    names = {name_of(key) for key in tour.pressed}
    assert PRESSED[role] <= names
    assert "" not in names, "a button has no name"
    assert [row for row in tour.sent if is_refused(row)] == []
    # What a role may not is left out, or says why: aria-disabled, and a tooltip.
    assert {name_of(key) for key in tour.disabled} <= WAITING
    if role in ("viewer", None):
        changes = {f"{row['method']} {row['path']}" for row in tour.sent if row["method"] != "GET"}
        assert [
            row for row in changes if not ASKING.fullmatch(row) and not OWN.fullmatch(row)
        ] == []
