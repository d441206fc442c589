"""People who are mentioned in Markdown: ``@ada``, or ``@"Ada Lovelace"`` for a name with spaces.

What stands in code is no mention, and a name is one only where somebody is called that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# What rendering is told with: numbers of people by the names that a text calls them.
PEOPLE = "people"
# Names that are looked for in one text.
MOST_NAMES = 50

_NAMED = re.compile(r'(?<![\w@/])@(?:"([^"\n]{1,100})"|(\w[\w.+-]{0,99}))')
_ENDS = ".+-"


def add(markdown: MarkdownIt) -> None:
    """Teach ``markdown`` mentions of the people that its environment names."""
    markdown.core.ruler.push("mentions", _rule)


def names(tokens: list[Token]) -> list[str]:
    """What may be names in a text that was parsed, in its order: the first so many."""
    found = (
        name
        for token in _texts(tokens)
        for match in _NAMED.finditer(token.content)
        for name in _spellings(match)
    )
    return list(dict.fromkeys(found))[:MOST_NAMES]


def _texts(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        for child in token.children or ():
            if child.type == "text":
                yield child


def _spellings(match: re.Match[str]) -> list[str]:
    """A name as it is written; a dot after one may be the sentence's."""
    if match[1] is not None:
        return [match[1].strip()]
    return [match[2], match[2].rstrip(_ENDS)]


def _rule(state: StateCore) -> None:
    people: Mapping[str, int] = state.env.get(PEOPLE, {})
    if not people:
        return
    for token in state.tokens:
        if token.children:
            token.children = [part for child in token.children for part in _split(child, people)]


def _split(token: Token, people: Mapping[str, int]) -> Iterator[Token]:
    if token.type != "text":
        yield token
        return
    text, done = token.content, 0
    for match in _NAMED.finditer(text):
        name = next((name for name in _spellings(match) if name in people), None)
        if name is None:
            continue
        end = match.end() if match[1] is not None else match.start(2) + len(name)
        yield Token("text", "", 0, content=text[done : match.start()])
        mention = Token("html_inline", "", 0)
        mention.content = (
            f'<span class="mention" data-person="{int(people[name])}">@{escapeHtml(name)}</span>'
        )
        yield mention
        done = end
    yield Token("text", "", 0, content=text[done:])
