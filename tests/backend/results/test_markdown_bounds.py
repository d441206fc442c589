"""Any text is laid out in a time and a size that its length bounds."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.tasklists import tasklists_plugin

from backend.results.markdown_text import MAX_TEXT, render

LONG = {
    "a list of tasks": "- [ ] *a* `b` [c](d)\n" * 12_500,
    "tasks in quotes": "> 1. [x] a\n" * 9000,
    "an address that is named again and again": f"[a]: {'u' * 50_000}\n\n{'[a]' * 16_000}",
    "a title that is named again and again": f'[a]: u "{"t" * 50_000}"\n\n{"[a] " * 12_000}',
    "tables of empty cells": ("|a" * 250 + "|\n" + "|-" * 250 + "|\n" + "|\n" * 260 + "\n") * 50,
    "stars": "*a **b _c " * 10_000,
    "open brackets": "[" * 90_000,
    "links in links": f"{'[' * 20_000}a{'](u)' * 20_000}",
    "quotes in quotes": f"{'> ' * 40_000}a",
    "lists in lists": "".join(f"{' ' * (2 * i)}- a\n" for i in range(300)),
    "ticks": "".join(f"{'`' * i} " for i in range(1, 440)),
    "one long line": "a" * 3_000_000,
}


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    """Collecting what other tests have left takes seconds, which are not the text's."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_takes_seconds_at_most_and_does_not_grow(name: str) -> None:
    begun = time.thread_time()
    html = render(LONG[name])
    assert time.thread_time() - begun < 4, "seconds of CPU; about one here"
    assert len(html) < 3_000_000


PIECES = ["- ", "[ ] ", "1. ", "> ", "*", "**", "_", "~~", "`", "[", "]", "](", "(", ")", "|", "-",
          "|-|\n", "\n", "\n\n", "a", "<", "&", "\\", "    ", "#", "[a]: u\n", '"', "---\n", "![",
          "```\n", ":", "\t"]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_so_does_what_repeats_any_few_pieces(seed: int) -> None:
    draw = random.Random(seed)
    piece = "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 6)))
    text = (piece * 20_000)[:20_000]
    begun = time.thread_time()
    html = render(text)
    assert time.thread_time() - begun < 2, f"{piece!r}: a fifth of a second here"
    assert len(html) < 40 * len(text)


def test_what_is_cut_off_is_said() -> None:
    assert render("a " * MAX_TEXT).endswith(f"… and {MAX_TEXT} more characters</em></p>\n")
    assert "more characters" not in render("a" * MAX_TEXT)


def test_tasks_are_those_of_the_plugin() -> None:
    known = MarkdownIt("commonmark", {"html": False}).use(tasklists_plugin)
    text = (
        "- [ ] open\n- [x] done\n  1. [X] *within*\n  2. none\n- [ ]none\n\n"
        "> - [ ] quoted\n\n1. [ ] numbered\n\n   [ ] no item's beginning\n- [ ]\n"
    )
    assert render(text) == known.render(text)


def test_references_and_tables_of_usual_length_are_laid_out() -> None:
    address = f"https://example.org/{'a' * 1500}"
    assert render(f'[it]: {address} "Title"\n\n[it]').count(address) == 1
    table = "| a | b |\n|---|---|\n" + "| 1 |\n" * 500
    assert render(table).count("<td>") == 1000
