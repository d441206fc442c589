"""What people write is shown, and can do nothing else."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.results.markdown_text import render

KNOWN = {
    "p", "strong", "em", "s", "a", "ul", "ol", "li", "code", "pre", "blockquote", "hr", "br",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "input",
    "span",
}  # fmt: skip


class Reader(HTMLParser):
    """Notes every tag with its attributes, as a browser would read them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(render(text, {"ada": 1, "<b>": 2}))
    return reader.tags


def harmless(found: list[tuple[str, dict[str, str | None]]]) -> bool:
    return all(
        tag in KNOWN
        and not any(name.startswith("on") or name in ("src", "srcset") for name in attributes)
        and not (attributes.get("href") or "")
        .lower()
        .startswith(("javascript", "vbscript", "data"))
        for tag, attributes in found
    )


def test_markdown_has_tables_lists_and_tasks() -> None:
    text = "# Title\n\n**bold** ~~gone~~\n\n| a |\n|---|\n| 1 |\n\n- [x] done\n"
    found = [tag for tag, _ in tags(text)]
    assert {"h1", "strong", "s", "table", "td", "ul", "input"} <= set(found)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,AAAA)",
        "![x](https://example.org/x.png)",
        '<https://example.org/" onclick="x>',
        "[x]: javascript:alert(1)\n\n[x]",
        "- [x] <b onclick=x>",
        "`<script>`",
    ],
)
def test_nothing_that_people_write_becomes_a_script_or_fetches_anything(text: str) -> None:
    assert harmless(tags(text))


@given(
    parts=st.lists(
        st.sampled_from(
            ["<", ">", '"', "'", "[x]", "(", ")", "javascript:", "![", "onerror=", "img", "\n",
             "<script>", "`", "|", "-", "&#106;", "&lt;", " ", "href", "a"]
        ),
        max_size=30,
    )
)  # fmt: skip
def test_no_mixture_of_pieces_gets_through(parts: list[str]) -> None:
    assert harmless(tags("".join(parts)))
