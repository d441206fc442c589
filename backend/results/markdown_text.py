"""Markdown that people wrote, as HTML that is safe to show, in a time that its length bounds.

HTML in it stays text, links that run scripts stay text, and images are left out: a page fetches
nothing because of what somebody wrote. What would grow beyond its length is not followed: a short
text can ask for tables of many thousand empty cells, or name one long address again and again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from backend.results import formulas, mentions

# What is laid out of a text, in characters; notes that are written here are no longer.
MAX_TEXT = 100_000
# Characters that the uses of one link reference may come to.
MAX_REFERENCED = 1_000_000
# Empty cells that tables are given beyond those that are written; what follows is no table.
MAX_EMPTY_CELLS = 5000

_TASK = re.compile(r"\[([ xX])][ \t\n\v\f\r]+")


def _tasks(state: StateCore) -> None:
    """List items that begin with ``[ ]`` or ``[x]`` become tasks with a box that cannot be clicked.

    As ``mdit_py_plugins.tasklists`` has it, which looks for each item's list from the item back to
    the list's beginning: 12 500 items took it 18 s.
    """
    lists: list[Token] = []
    tokens = state.tokens
    for i, token in enumerate(tokens):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif (
            token.type == "inline"
            and token.children
            and i >= 2
            and tokens[i - 1].type == "paragraph_open"
            and tokens[i - 2].type == "list_item_open"
            and (match := _TASK.match(token.content))
        ):
            checked = "" if match[1] == " " else 'checked="checked" '
            box = Token("html_inline", "", 0)
            box.content = (
                f'<input class="task-list-item-checkbox" {checked}disabled="disabled" '
                'type="checkbox">'
            )
            token.children[0].content = token.children[0].content[3:]
            token.children.insert(0, box)
            tokens[i - 2].attrSet("class", "task-list-item")
            lists[-1].attrSet("class", "contains-task-list")


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table, unless those before it had more than :data:`MAX_EMPTY_CELLS` filled up.

    A row that is cut short has cells for the rest of the header; markdown-it ends a table at 65 536
    of them, and begins the next.
    """
    if state.env.get("empty cells", 0) > MAX_EMPTY_CELLS:
        return False
    before = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    if not silent:
        cells = sum(token.type == "td_open" for token in state.tokens[before:])
        text = state.src[state.bMarks[start] : state.eMarks[state.line - 1]]
        empty = max(0, cells - text.count("|"))
        state.env["empty cells"] = state.env.get("empty cells", 0) + empty
    return True


def _forget_long_references(state: StateCore) -> None:
    """Those stay text whose uses would come to more than :data:`MAX_REFERENCED` characters."""
    uses = state.src.count("[")
    references = state.env.get("references", {})
    for label, reference in list(references.items()):
        length = len(reference.get("href", "")) + len(reference.get("title") or "")
        if length * uses > MAX_REFERENCED:
            del references[label]


_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
)
_MARKDOWN.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
_MARKDOWN.core.ruler.after("block", "references-of-bounded-length", _forget_long_references)
_MARKDOWN.core.ruler.after("inline", "tasks", _tasks)
formulas.add(_MARKDOWN)
mentions.add(_MARKDOWN)


def called(text: str) -> list[str]:
    """The names that ``text`` may mention people by."""
    return mentions.names(_MARKDOWN.parse(text[:MAX_TEXT], {}))


def render(text: str, people: Mapping[str, int] | None = None) -> str:
    """The HTML of ``text``: CommonMark with tables, strikethrough, task lists and formulas, and
    mentions of ``people``: their numbers by the names that it calls them.

    Beyond :data:`MAX_TEXT` characters it ends, and says so.
    """
    laid_out = str(_MARKDOWN.render(text[:MAX_TEXT], {mentions.PEOPLE: people or {}}))
    if len(text) <= MAX_TEXT:
        return laid_out
    return f"{laid_out}<p><em>… and {len(text) - MAX_TEXT} more characters</em></p>\n"
