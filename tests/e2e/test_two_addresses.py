"""Two people on two machines, whose addresses differ: a server behind nginx, and two browsers, each
in a network of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page, expect

from backend.api.rights import Needs
from backend.settings import Settings
from backend.storage.store import lanes
from backend.storage.tables import Role
from backend.web.app import create_app
from tests.backend.conftest import Process
from tests.backend.people import accounts
from tests.backend.web.test_access import ROUTES
from tests.e2e import namespaces, team
from tests.e2e.namespaces import Machine
from tests.e2e.published import NAME, Nginx
from tests.e2e.team import seen
from tests.ports import free_port

WHY_NOT = namespaces.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

ROLES: dict[str, Role] = {
    "Ana": "editor",
    "Bob": "editor",
    "Ben": "viewer",
    "Root": "administrator",
}
# What one may change without a right: one's own account.
CHANGING = [
    (method, re.sub(r"\{\w+\}", "1", path))
    for method, path, mark in (route.values for route in ROUTES)
    if isinstance(mark, Needs) and method != "GET" and mark.right != "read"
]
STATUSES = """asked => Promise.all(asked.map(async ([method, path]) =>
  [method, path, (await fetch(path, { method })).status]))"""


@dataclass
class Network:
    """A server's public address, and two machines that are not the server's."""

    url: str
    first: Machine
    second: Machine


@pytest.fixture(scope="module")
def network(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A server with accounts that loopback alone reaches, and nginx before it on an address that
    both machines have a way to. Its lane is paused: what is launched waits."""
    folder = tmp_path_factory.mktemp("network")
    app = create_app(Settings(home=folder / "home", auth="local"))
    for name, role in ROLES.items():
        accounts.with_password(app, name, role)
    with app.state.database.write() as session:
        lanes.present(session, ["CPU"])
        lanes.set_mode(session, "CPU", "paused")
    app.state.database.close()
    with ExitStack() as stack:
        first, second = (stack.enter_context(Machine(number)) for number in (1, 2))
        port = free_port(first.here)
        server = Process(
            folder / "home",
            [],
            LORAONE_AUTH="local",
            LORAONE_PUBLIC_URL=f"https://{NAME}:{port}",
            LORAONE_TRUSTED_PROXIES="127.0.0.1",
            LORAONE_BENCHMARK_DEVICE="false",
            LORAONE_READERS="1",
        )
        stack.callback(server.stop)
        upstream = server.url.removeprefix("http://")
        proxy = Nginx(folder / "nginx", port, upstream, "", address=first.here)
        stack.callback(proxy.stop)
        yield Network(proxy.url, first, second)


@pytest.fixture
def open_on(
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    network: Network,
    tmp_path: Path,
) -> Iterator[Callable[[Machine], Page]]:
    """Opens browsers on machines; those on one share nothing with each other."""
    chromium = str(browser_type_launch_args["executable_path"])
    names = f"--host-resolver-rules=MAP {NAME} {network.first.here}"
    launch = {**browser_type_launch_args, "args": [*browser_type_launch_args["args"][:-1], names]}
    with ExitStack() as stack:
        browsers = {}
        for machine in (network.first, network.second):
            there = launch | {"executable_path": machine.program(chromium, tmp_path)}
            browsers[machine.name] = browser_type.launch(**there)
            stack.callback(browsers[machine.name].close)

        def opened(machine: Machine) -> Page:
            context = browsers[machine.name].new_context(
                base_url=network.url, ignore_https_errors=True
            )
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            return context.new_page()

        yield opened


def comments(page: Page, text: str) -> None:
    """Somebody says something about the experiment that is open."""
    page.get_by_role("tab", name=re.compile("^Comments")).click()
    page.get_by_label("A new comment").fill(text)
    page.get_by_role("button", name="Comment", exact=True).click()


def compares(page: Page) -> str:
    """Somebody puts the experiment that is open into the comparison; its copied link."""
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("link", name="Compare (1)").click()
    seen(page.get_by_role("table", name="Methods"))
    page.get_by_role("button", name="Copy link").click()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    return copied


def test_two_people_on_two_machines(open_on: Callable[[Machine], Page], network: Network) -> None:
    ana, root = open_on(network.first), open_on(network.first)
    bob, ben, guest = (open_on(network.second) for _ in range(3))
    for page, name in ((bob, "Bob"), (ben, "Ben")):
        team.comes_to_an_empty_history(page, name)
    team.launches(ana, "Ana")
    for page in (bob, ben):
        team.sees_it_live(page, "Ana")
    # What becomes of it is seen while it is looked at.
    ana.get_by_role("button", name=re.compile("^Cancel all")).click()
    ana.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel")).first.click()
    seen(bob.get_by_text("cancelled", exact=True).first)

    # They talk about it: each is shown what the other says, and told who names them.
    comments(bob, "Is this the seed of the paper?")
    comments(ana, "Yes, @Bob.")
    seen(bob.get_by_text("Yes, @Bob"))
    seen(ana.get_by_text("Is this the seed of the paper?"))
    seen(bob.get_by_role("button", name="Notices: 1 not read"))

    link = compares(bob)
    assert link.startswith(f"{network.url}/compare?of="), link
    ben.goto(link)
    seen(ben.get_by_role("table", name="Methods"))

    # A viewer is offered nothing, and refused whatever they send by themselves.
    ben.goto("/experiments/1")
    team.is_offered_no_change(ben)
    assert len(CHANGING) > 30
    assert [row for row in ben.evaluate(STATUSES, CHANGING) if row[2] != 403] == []

    ana.get_by_role("tab", name="Overview").click()
    team.opens_the_link(guest, team.makes_a_link(ana), "Ana")

    # What Bob has open stops when he is shut out, without anything that he does.
    team.lets_in_no_more(root, "Bob")
    expect(bob.get_by_role("heading", name="Sign in")).to_be_visible(timeout=60_000)
    rows = root.evaluate("fetch('/api/audit').then(answer => answer.json())")
    addresses = {name: {row["address"] for row in rows if row["name"] == name} for name in ROLES}
    assert addresses == {
        "Ana": {network.first.address},
        "Root": {network.first.address},
        "Bob": {network.second.address},
        "Ben": {network.second.address},
    }
