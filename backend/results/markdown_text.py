"""Markdown that people wrote, as HTML that is safe to show.

HTML in it stays text, links that run scripts stay text, and images are left out: a page fetches
nothing because of what somebody wrote.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from mdit_py_plugins.tasklists import tasklists_plugin

_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["table", "strikethrough"])
    .disable("image")
    .use(tasklists_plugin)
)


def render(text: str) -> str:
    """The HTML of ``text``: CommonMark with tables, strikethrough and task lists."""
    return str(_MARKDOWN.render(text))
