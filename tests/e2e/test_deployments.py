"""The same story on every deployment: what stores, and what runs, makes no difference to a user."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.backend.conftest import Process
from tests.e2e.figures import drawn
from tests.e2e.form import launch_two_runs
from tests.postgres import Postgres
from tests.ray_nodes import RayNodes

MINUTES = 60_000
DEPLOYMENTS = ("SQLite, local lanes", "PostgreSQL, local lanes", "PostgreSQL, Ray with two nodes")


@pytest.fixture(params=DEPLOYMENTS)
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Process, int]]:
    """A server, and how many lanes it has."""
    home = tmp_path_factory.mktemp("home")
    settings: dict[str, str] = {}
    nodes: RayNodes | None = None
    if "PostgreSQL" in request.param:
        postgres: Postgres = request.getfixturevalue("postgres")
        settings["LORAONE_DATABASE_URL"] = postgres.new_database()
    if "Ray" in request.param:
        nodes = RayNodes()
        settings |= {"LORAONE_EXECUTOR": "ray", "RAY_ADDRESS": nodes.address}
    server = Process(home, [], **settings)
    yield server, 1 if nodes is None else 2
    assert server.stop() in (-signal.SIGTERM, signal.SIGTERM)  # Ray exits by the number itself
    if nodes is not None:
        nodes.remove()


@pytest.mark.cases(2)
def test_launch_watch_look_and_pause(page: Page, deployment: tuple[Process, int]) -> None:
    server, lanes = deployment
    page.goto(f"{server.url}/launch")
    launch_two_runs(page, "Anywhere", steps=4)
    runs = page.get_by_role("table", name="Runs")
    expect(page.get_by_role("progressbar").first).to_be_visible(timeout=MINUTES)
    expect(runs.get_by_text("succeeded")).to_have_count(2, timeout=4 * MINUTES)
    expect(runs.get_by_role("link", name="adapter")).to_have_count(2)
    runs.get_by_role("button", name=re.compile("^Log of run")).first.click()
    log = page.get_by_role("dialog")
    expect(log.get_by_role("heading", name="Log of run 1")).to_be_visible()
    expect(log.get_by_text("Nothing was printed.").or_(log.locator("pre"))).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Spectra").click()
    drawn(page, "Map of all layers")

    page.goto(f"{server.url}/queue")
    cards = page.get_by_role("group", name=re.compile("^Lane "))
    expect(cards).to_have_count(lanes)
    for i in range(lanes):
        cards.nth(i).get_by_role("button", name=re.compile("^Options of lane")).click()
        page.get_by_role("menuitem", name=re.compile("^Drain")).click()
        expect(cards.nth(i).get_by_text("the device is free")).to_be_visible()
    again = server.post("/api/runs/retry?of=e1")
    assert again == {"changed": 0}, "what has succeeded is not run again"
    spec = server.get("/api/experiments/1")["spec"]
    server.post("/api/experiments", {**spec, "name": "Waits"})
    waiting = page.get_by_role("table", name="Waiting runs")
    expect(waiting.get_by_role("row")).to_have_count(3)
    page.get_by_role("button", name="Waits (2)").click()
    page.get_by_role("menuitem", name="Run before others").click()
    expect(waiting.get_by_text("10", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Waits (2)").click()
    page.get_by_role("menuitem", name="Cancel all 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 2 runs").click()
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
