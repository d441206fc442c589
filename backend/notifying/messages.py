"""What is sent: one message of all that waits for a channel, by experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.errors import cut
from backend.storage.tables import NoticeToSend

TITLE = "LoRA-One Lab"
# More of them are counted.
MOST_LINES = 30
_MOST_TITLE, _MOST_LINE = 150, 500
_TABS = {"mentioned": "?tab=comments", "failed": "?tab=runs"}
# What chats take for a call to everybody in them, whoever wrote it.
_CALLS = re.compile(r"@(?=everyone|here|channel|all|room|team)|<(?=[!@#&])", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


@dataclass
class _Line:
    text: str
    count: int


def title(rows: Sequence[NoticeToSend], names: Mapping[int, str]) -> str:
    """What a message is about, in one line."""
    about = {row.experiment_id for row in rows}
    (only,) = about if len(about) == 1 else (None,)
    if only is not None:
        return cut(f"{TITLE}: {_quiet(names[only])}", _MOST_TITLE)
    experiments = len(about - {None})
    return f"{TITLE}: {experiments} experiments" if experiments > 1 else TITLE


def body(rows: Sequence[NoticeToSend], public_url: str | None) -> str:
    """All of it: what is about the same stands together, with a link where the server has a name
    that people find it by."""
    groups: dict[int | None, dict[tuple[str, str], _Line]] = {}
    tab: dict[int | None, str] = {}
    for row in rows:
        lines = groups.setdefault(row.experiment_id, {})
        tab.setdefault(row.experiment_id, _TABS.get(row.kind, ""))
        line = lines.setdefault((row.kind, row.subject), _Line("", 0))
        line.text, line.count = row.text, line.count + row.count
    parts, left = [], MOST_LINES
    for experiment, lines in groups.items():
        shown = list(lines.values())[:left]
        left -= len(shown)
        if shown:
            link = _link(public_url, experiment, tab[experiment])
            parts.append("\n".join([*(_said(line) for line in shown), *link]))
    more = sum(len(lines) for lines in groups.values()) - MOST_LINES
    if more > 0:
        parts.append(f"and {more} more")
    return "\n\n".join(parts)


def _said(line: _Line) -> str:
    times = f" ({line.count} times)" if line.count > 1 else ""
    return cut(_quiet(line.text), _MOST_LINE) + times


def _link(public_url: str | None, experiment: int | None, tab: str) -> list[str]:
    if public_url is None:
        return []
    return [
        f"{public_url}/queue"
        if experiment is None
        else f"{public_url}/experiments/{experiment}{tab}"
    ]


def _quiet(text: str) -> str:
    """In one line, which calls nobody: a character without width takes the meaning from it."""
    return _CALLS.sub(lambda call: f"{call[0]}\u200b", _CONTROL.sub(" ", text))
