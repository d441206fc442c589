"""Formulas in Markdown: ``$…$`` in a line, ``$$…$$`` by themselves, as TeX that the page sets.

A formula becomes ``<code class="formula">`` with its TeX as text, so that it can be read where
nothing sets it, such as in a report. A dollar is no formula's beginning before a space, and none's
end after a space or before a digit: prices stay prices.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# Longest of each in characters: whatever is longer stays text.
MOST_IN_LINE, MOST_BY_ITSELF = 1000, 4000

# Each ends at the first dollar that is not escaped, so that all of a text is looked at once.
_IN_LINE = re.compile(
    rf"\$(?![\s$])((?:[^$`\\]|\\.){{1,{MOST_IN_LINE}}})(?<!\s)\$(?!\d)", re.DOTALL
)
_BY_ITSELF = re.compile(rf"\$\$((?:[^$`\\]|\\.){{1,{MOST_BY_ITSELF}}})\$\$", re.DOTALL)


def add(markdown: MarkdownIt) -> None:
    """Teach ``markdown`` formulas."""
    markdown.inline.ruler.after("backticks", "formula", _inline)
    ends = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("fence", "formula", _block, {"alt": ends})


def _inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    match = _BY_ITSELF.match(state.src, state.pos, state.posMax)
    kind = "formula display"
    if match is None:
        match, kind = _IN_LINE.match(state.src, state.pos, state.posMax), "formula"
    if match is None:
        return False
    if not silent:
        state.push("html_inline", "", 0).content = _html(match[1], kind)
    state.pos = match.end()
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines from one that begins with ``$$`` to one that ends with it: nothing in between is a
    list or a heading. The next dollar must end it, so that no part of a text is looked at twice."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not state.src.startswith("$$", begin):
        return False
    begin += 2
    close = state.src.find("$$", begin, begin + MOST_BY_ITSELF)
    if close < 0 or state.src.find("$", begin, close) >= 0:
        return False
    last = bisect_left(state.eMarks, close, start)
    if last >= end or state.src[close + 2 : state.eMarks[last]].strip():
        return False
    if any(state.sCount[line] < state.blkIndent for line in range(start, last + 1)):
        return False
    lines = [state.src[state.bMarks[i] + state.tShift[i] : state.eMarks[i]]
             for i in range(start, last + 1)]  # fmt: skip
    tex = "\n".join(lines).strip()[2:-2].strip()
    if not tex:
        return False
    if not silent:
        token = state.push("html_block", "", 0)
        token.content = f"<p>{_html(tex, 'formula display')}</p>\n"
        token.map = [start, last + 1]
        state.line = last + 1
    return True


def _html(tex: str, kind: str) -> str:
    return f'<code class="{kind}">{escapeHtml(tex.strip())}</code>'
