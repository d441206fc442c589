"""The colour that somebody is shown in, everywhere the same."""

from __future__ import annotations

# Dark enough for white letters on them (4.5 : 1), and neighbours unlike each other.
COLOURS = (
    "#175cd3",
    "#b54708",
    "#067647",
    "#9f1ab1",
    "#7a5d00",
    "#0e7090",
    "#b42318",
    "#6927da",
    "#3b7c0f",
    "#c11574",
    "#4e5ba6",
    "#6b4f3a",
)


def colour(person_id: int | None) -> str:
    """Of a person; of one who is nobody yet, that of the next."""
    return COLOURS[(person_id or 0) % len(COLOURS)]
