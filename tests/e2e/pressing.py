"""Presses every button and every item of a menu that can be pressed, one after the other.

What asks again is told not now; what can be undone is undone; what is done unless it is undone is
done. Links are gathered and not followed, fields are left as they are; heads of tables, which sort,
and the toolbars in figures are left out, and one figure stands for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from playwright.sync_api import Page

# Runs in the page, before all of its own.
DRIVER = Path(__file__).with_name("pressing.js")


class Sent(TypedDict):
    """A request of the page, and what had been pressed before it; the status is 0 while it is
    under way."""

    method: str
    path: str
    status: int
    button: str


@dataclass
class Tour:
    """What somebody pressed, what the page sent, and what it offered besides; ``known`` need not be
    pressed."""

    known: list[str] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    # Of that what opened no menu, dialog or tab.
    leaves: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    # Buttons that cannot be pressed and do not say why; links to files of the server.
    disabled: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    @property
    def reading(self) -> list[str]:
        """What was pressed and did nothing but read."""
        changing = {row["button"] for row in self.sent if row["method"] != "GET"}
        return [key for key in self.leaves if key not in changing]

    def press_all(self, page: Page, path: str) -> bool:
        """Open a page and press what was not pressed before; whether all was: else something led
        away from it."""
        if page.url == "about:blank":
            page.goto(path)
        else:  # as a link would, without loading the page anew
            page.evaluate("path => history.pushState({}, '', path)", path)
        found: dict[str, Any] = page.evaluate("known => pressAll(known)", self.known + self.pressed)
        self.pressed += found["pressed"]
        self.leaves += found["leaves"]
        self.sent += found["sent"]
        self.disabled |= set(found["disabled"])
        self.files |= set(found["files"])
        return bool(found["all"])
