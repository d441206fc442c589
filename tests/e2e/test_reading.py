"""What a page asks the server for: little at first, then only what has changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.figures import drawn
from tests.e2e.stored import finished, launched, measured, served

MOST_AT_FIRST = 8


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    """An experiment that has finished, and one whose runs wait."""
    with served(tmp_path_factory.mktemp("home")) as (app, url):
        launched(app, "First", "Second")
        finished(app, 1)
        yield app, url


def asked(page: Page) -> list[str]:
    """Paths of the requests that the page makes from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(re.sub(r"^https?://[^/]+", "", request.url)))
    return found


def of_api(requests: list[str]) -> list[str]:
    return [path for path in requests if path.startswith("/api/") and "changes" not in path]


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/experiments/1", MOST_AT_FIRST),
        # With the library that draws, and one request for each figure.
        ("/experiments/1?tab=update", MOST_AT_FIRST + 1),
        ("/experiments/1?tab=spectra", MOST_AT_FIRST + 2),
        ("/experiments/1?tab=alignment", MOST_AT_FIRST + 3),
        ("/history", MOST_AT_FIRST),
        ("/queue", MOST_AT_FIRST),
        ("/launch", MOST_AT_FIRST),
    ],
)
def test_a_page_opens_with_few_requests_and_asks_for_nothing_twice(
    page: Page, stored: tuple[FastAPI, str], path: str, most: int
) -> None:
    """All of them count, on a cold cache: the page, its parts, the feed, answers and figures."""
    requests = asked(page)
    page.goto(stored[1] + path)
    page.get_by_role("heading", level=2).wait_for()
    page.wait_for_timeout(1200)
    assert len(requests) == len(set(requests)), "\n".join(requests)
    assert len(requests) <= most, "\n".join(requests)
    assert len(of_api(requests)) <= 5 + most - MOST_AT_FIRST, "\n".join(requests)


def test_what_happens_to_another_experiment_makes_a_page_read_nothing(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    app, url = stored
    page.goto(f"{url}/experiments/1?tab=curves")
    figure = drawn(page, "Curves of eval loss")
    requests = asked(page)
    for step in range(10, 14):
        measured(app, 2, step, 1.0)
        page.wait_for_timeout(400)
    page.request.patch(f"{url}/api/experiments/2", data={"starred": True})
    page.wait_for_timeout(1800)
    assert of_api(requests) == []
    measured(app, 1, 10, 0.5)
    page.wait_for_function("node => node.data[0].x.length === 6 || node.calcdata[0].length === 6",
                           arg=figure.element_handle())  # fmt: skip
    assert {path.split("?")[0] for path in of_api(requests)} == {"/api/figures/curves"}


def test_a_zoom_stays_while_the_same_figure_goes_on_and_leaves_with_another(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    app, url = stored
    page.goto(f"{url}/experiments/1?tab=curves")
    figure = drawn(page, "Curves of eval loss")
    length = figure.evaluate("node => node.calcdata[0].length")
    zoom(page, figure)
    near = ranges(figure)
    measured(app, 1, 20, 0.4)
    page.wait_for_function(
        "([node, length]) => node.calcdata[0].length > length",
        arg=[figure.element_handle(), length],
    )
    assert ranges(figure) == near
    page.get_by_role("button", name=re.compile("^Switch to the")).click()
    page.wait_for_timeout(800)
    assert ranges(figure) == near
    page.get_by_label("Metric", exact=True).and_(page.locator("input")).click()
    page.get_by_role("option", name=re.compile("Training loss")).first.click()
    whole(page, "Curves of train loss")
    page.get_by_label("Log value").click(force=True)
    page.wait_for_timeout(800)
    whole(page, "Curves of train loss")


def test_quantities_one_after_the_other_each_have_their_own_range(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    page.goto(f"{stored[1]}/experiments/1?tab=update")
    zoom(page, drawn(page, "Per layer: Update and gradient, out side (mean cos²)"))
    for label in ("Cosine of the update to −G", "Intruder dimensions"):
        page.get_by_label("Per layer", exact=True).and_(page.locator("input")).click()
        page.get_by_role("option", name=label, exact=True).click()
        zoom(page, whole(page, f"Per layer: {label}"))
    page.goto(f"{stored[1]}/experiments/1?tab=spectra")
    zoom(page, drawn(page, "Spectra of layer 0 · q_proj"))
    page.keyboard.press("]")
    whole(page, "Spectra of layer 1 · q_proj")


def zoom(page: Page, figure: Locator) -> None:
    """Draw a box over the middle of a figure."""
    box = figure.locator(".nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)


def ranges(figure: Locator) -> list[list[float]]:
    found: list[list[float]] = figure.evaluate(
        "node => [node._fullLayout.xaxis.range, node._fullLayout.yaxis.range].map(r => [...r])"
    )
    return found


def whole(page: Page, label: str) -> Locator:
    """A figure by its label, whose ranges hold all its points."""
    figure = drawn(page, label)
    page.wait_for_timeout(800)
    outside = figure.evaluate(
        """node => ["x", "y"].flatMap(name => {
          const axis = node._fullLayout[`${name}axis`];
          const [low, high] = [...axis.range].map(Number).sort((a, b) => a - b);
          return node.calcdata.flat().map(point => axis.c2l(point[name]))
            .filter(value => Number.isFinite(value) && (value < low || value > high));
        })"""
    )
    assert outside == [], (label, ranges(figure))
    return figure


def test_what_a_colleague_changes_reaches_every_open_page(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    url = stored[1]
    page.goto(f"{url}/history")
    expect(page.get_by_role("link", name="Second")).to_be_visible()
    page.request.patch(f"{url}/api/experiments/2", data={"name": "Renamed", "tags": ["seen"]})
    expect(page.get_by_role("link", name="Renamed")).to_be_visible()
    expect(page.get_by_role("button", name="seen", exact=True)).to_be_visible()
    exported = page.request.get(f"{url}/api/experiments/1/export.json").json()
    exported["experiment"]["name"] = "Taken in"
    assert page.request.post(f"{url}/api/experiments/import", data=exported).status == 201
    expect(page.get_by_role("link", name="Taken in")).to_be_visible()
    page.goto(f"{url}/experiments/1?tab=notes")
    expect(page.get_by_role("button", name="Write notes")).to_be_visible()
    page.request.post(f"{url}/api/experiments/1/notes", data={"text": "*Look*", "base": 0})
    expect(page.locator("em", has_text="Look")).to_be_visible()


def look(page: Page, hidden: bool) -> None:
    """Hide the page, as another tab in front of it does, or show it again."""
    page.evaluate(
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_hidden_page_reads_nothing_and_catches_up_when_it_is_seen(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    url = stored[1]
    page.goto(f"{url}/history")
    star = page.get_by_role("button", name="Star First")
    expect(star).to_have_attribute("aria-pressed", "false")
    look(page, hidden=True)
    requests = asked(page)
    page.request.patch(f"{url}/api/experiments/1", data={"starred": True})
    page.wait_for_timeout(2500)
    assert requests == []
    expect(star).to_have_attribute("aria-pressed", "false")
    look(page, hidden=False)
    expect(star).to_have_attribute("aria-pressed", "true")
    assert [path.split("?")[0] for path in requests] == ["/api/changes", "/api/experiments"]


def test_a_server_that_is_away_is_said_in_a_sentence_and_the_page_goes_on_by_itself(
    browser: Browser, stored: tuple[FastAPI, str]
) -> None:
    page = browser.new_page()  # its console may have errors
    page.goto(f"{stored[1]}/experiments/1")
    expect(page.get_by_role("table", name="Runs")).to_be_visible()
    page.route("**/api/**", lambda route: route.fulfill(status=503, body="<h1>Bad gateway</h1>"))
    page.get_by_role("tab", name="Runs", exact=True).click()
    alert = page.get_by_role("alert").filter(has_text="may be starting again")
    expect(alert.get_by_role("button", name="Try again")).to_be_visible(timeout=10_000)
    expect(page.get_by_role("heading", name="First")).to_be_visible()
    page.unroute("**/api/**")
    page.route("**/api/**", lambda route: route.abort())
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Is it still running?")).to_be_visible(timeout=10_000)
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Runs")).to_be_visible()
    page.close()


def test_the_history_is_sorted_as_a_whole_and_the_link_says_how(
    page: Page, stored: tuple[FastAPI, str]
) -> None:
    app, url = stored
    launched(app, *(f"{chr(ord('z') - i % 26)} number {i:02}" for i in range(60)))
    page.goto(f"{url}/history?q=number")
    rows = page.get_by_role("table", name="Experiments").get_by_role("link")
    expect(rows.first).to_have_text("s number 59")
    page.get_by_role("button", name="Experiment", exact=True).click()
    expect(page).to_have_url(re.compile("sort=name"))
    expect(rows.first).to_have_text("a number 25")
    page.get_by_role("button", name="2", exact=True).click()
    expect(rows).to_have_count(10)
    names = rows.all_inner_texts()
    assert names == sorted(names)
    assert names[-1] == "z number 52"
    page.reload()
    expect(rows.first).to_have_text(names[0])
    header = page.get_by_role("columnheader", name="Experiment", exact=True)
    expect(header).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Experiment", exact=True).click()
    expect(rows.first).to_have_text(re.compile("z number"))
    expect(header).to_have_attribute("aria-sort", "descending")
