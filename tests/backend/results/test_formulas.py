"""Formulas in what people write: TeX goes to the page as it was written, prices stay prices."""

from __future__ import annotations

from html import unescape

import pytest

from backend.results.markdown_text import render


@pytest.mark.parametrize("tex", [r"\Delta W = B A", "x_1*y_2*", "a < b", r"5\$", "<script>"])
def test_what_stands_between_dollars_is_a_formula_as_it_was_written(tex: str) -> None:
    html = render(f"so ${tex}$.")
    assert unescape(html) == f'<p>so <code class="formula">{tex}</code>.</p>\n'
    assert "<script" not in html


def test_a_formula_by_itself_may_have_several_lines_whatever_they_begin_with() -> None:
    html = render("before\n$$\na\n- b\n= c\n$$\nafter\n\n- $$x$$\n")
    assert '<code class="formula display">a\n- b\n= c</code>' in html
    assert (
        '<li><code class="formula display">x</code>' in html or "display" in html.split("<li>")[1]
    )
    assert "<h1>" not in html and html.count("<ul>") == 1


@pytest.mark.parametrize(
    "text",
    ["$5 and $6", r"\$a\$", "`$a$`", "a $ b $ c", "$$", "$a", "```\n$$\na\n$$\n```", "$`a`$"],
)
def test_other_dollars_are_dollars(text: str) -> None:
    assert "formula" not in render(text)


def test_mentions_are_of_people_who_are_there_and_of_nobody_in_code() -> None:
    people = {"ada": 3, "Ada Lovelace": 4}
    html = render('@ada, @"Ada Lovelace" and @ada. `@ada` a@ada @adam', people)
    assert html.count('<span class="mention" data-person="3">@ada</span>') == 2
    assert html.count('data-person="4">@Ada Lovelace</span>') == 1
    assert "mention" not in render("@ada")
