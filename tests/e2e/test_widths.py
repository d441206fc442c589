"""Tables and figures at the widths of a phone, a tablet, and two screens."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.e2e.figures import drawn

TABS = ("overview", "runs", "recipe")
WIDTHS = (390, 768, 1280, 1600)

# Of every table that reaches beyond what is shown around it: whether a bar says so.
BEYOND = """() => [...document.querySelectorAll('table')].map(table => {
  const view = table.closest('.mantine-ScrollArea-viewport');
  const right = table.getBoundingClientRect().right;
  const edge = (view ?? document.documentElement).getBoundingClientRect().right;
  const bar = view?.parentElement.querySelector(
    '.mantine-ScrollArea-scrollbar[data-orientation=horizontal]');
  const shown = bar && bar.getBoundingClientRect().height > 0
    && getComputedStyle(bar).visibility === 'visible' && getComputedStyle(bar).opacity > 0;
  return {name: table.ariaLabel, hidden: Math.round(right - edge), bar: Boolean(shown)};
})"""


def test_every_table_fits_or_shows_that_it_scrolls(page: Page, experiment_path: str) -> None:
    number = experiment_path.rpartition("/")[2]
    paths = [f"{experiment_path}?tab={tab}" for tab in TABS]
    paths += ["/history", "/settings", f'/compare?of=["e{number}"]&tab=differences']
    seen: list[dict[str, Any]] = []
    for path in paths:
        page.goto(path)
        page.locator("table").first.wait_for()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(150)
            seen += [{**table, "width": width} for table in page.evaluate(BEYOND)]
    assert [table for table in seen if table["hidden"] > 1 and not table["bar"]] == []
    methods = {table["width"]: table for table in seen if table["name"] == "Methods"}
    assert methods[390]["bar"]
    assert methods[1600]["hidden"] <= 1, "there is room for all columns"
    assert not methods[1600]["bar"]


def test_on_a_phone_no_axis_is_longer_than_its_data_and_no_label_is_cut(
    page: Page, experiment_path: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for tab, label in (("spectra", "Spectra of layer 0 · query"), ("update", "Per layer: ")):
        page.goto(f"{experiment_path}?tab={tab}")
        figure = drawn(page, label)
        if tab == "spectra":
            low, high = figure.evaluate("node => node._fullLayout.xaxis.range")
            assert high < 3, "384 singular values end before 10³"
            assert low > -1
        cut = figure.evaluate(
            """node => { const box = node.getBoundingClientRect();
            return [...node.querySelectorAll('.g-ytitle, .g-xtitle, .legendtext, .annotation-text')]
              .map(text => [text.textContent, text.getBoundingClientRect()])
              .filter(([, at]) => at.left < box.left - 1 || at.right > box.right + 1
                || at.top < box.top - 1 || at.bottom > box.bottom + 1)
              .map(([text]) => text) }"""
        )
        assert cut == []
