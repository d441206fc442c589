"""What people are called: what of a name is stored, and what is none."""

from __future__ import annotations

import unicodedata

MOST = 100
ALLOWED = f"1 to {MOST} characters that can be seen, on one line"

# What takes part in a name and leaves no mark: whoever had it in theirs would read as another.
# Python calls these printable.
_UNSEEN = dict.fromkeys(
    (
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0,
        *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
    )
)  # fmt: skip


def plain(name: str) -> str:
    """A name as it is stored: however it was typed, who reads the same is the same."""
    return " ".join(unicodedata.normalize("NFKC", name).translate(_UNSEEN).split())


def problem(name: str) -> str | None:
    """What is wrong with a name as somebody typed it; None where it is one."""
    for letter in name.strip():
        if not letter.isprintable() and unicodedata.category(letter) != "Zs":
            return f"holds U+{ord(letter):04X}, which cannot be seen"
    known = plain(name)
    if not known:
        return "has no characters that can be seen"
    if len(known) > MOST:  # one letter may have become many
        return f"has {len(known)} characters"
    if all(unicodedata.category(letter)[0] == "M" for letter in known):
        return "has nothing but marks for other letters"
    return None
