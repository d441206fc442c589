"""Rows without a text or a label: which they are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loraone.errors import DataError
from loraone.inputs.data.columns import shown
from loraone.inputs.data.rows import Rows
from loraone.spec.data import DataSpec

# How many rows of a kind a message names.
_NAMED = 5


@dataclass(frozen=True)
class Complete:
    """Indices of the rows that have all that is needed, and what there is to say of the others."""

    rows: list[int]
    notes: tuple[str, ...]


def complete(rows: Rows, spec: DataSpec) -> Complete:
    """Leave out rows without a text, and those without a label where the spec drops them.

    Raises DataError where it refuses them.
    """
    total = len(rows.texts)
    blank = {i: "empty" for i, text in enumerate(rows.texts) if not (text and text.strip())}
    unlabelled: dict[int, str] = {}
    if rows.labels is not None:
        words = {_plain(word) for word in spec.missing_words if not rows.declared}
        for i, label in enumerate(rows.labels):
            # Of a row that is left out anyhow, the label does not matter.
            if i not in blank and (kind := _missing(label, words)):
                unlabelled[i] = kind
    if unlabelled and spec.missing_labels == "refuse":
        raise _refused(rows, unlabelled, spec)
    notes = []
    if blank:
        notes.append(
            f"{len(blank)} of {rows.count} have no text and are left out: "
            f"{_listed(rows, list(blank))}"
        )
    if unlabelled:
        notes.append(
            f"{len(unlabelled)} of {rows.count} have no label and are left out: "
            f"{_by_kind(rows, unlabelled)}"
        )
    keep = [i for i in range(total) if i not in blank and i not in unlabelled]
    return Complete(keep, tuple(notes))


def _missing(label: str | None, words: set[str]) -> str | None:
    """How the label is missing; None for one that is there."""
    if label is None:
        return "null"
    if not label.strip():
        return "empty"
    return shown(label) if _plain(label) in words else None


def _plain(word: str) -> str:
    return word.strip()


def _refused(rows: Rows, unlabelled: Mapping[int, str], spec: DataSpec) -> DataError:
    words = sorted({kind for kind in unlabelled.values() if kind not in ("null", "empty")})
    is_class = f"; if {' or '.join(words)} is a class, take it from data.missing_words"
    return DataError(
        f"{spec.source}, column {spec.label_column!r}: {len(unlabelled)} of {rows.count} "
        f"have no label: {_by_kind(rows, unlabelled)}",
        field="data.missing_labels",
        value=spec.missing_labels,
        allowed="drop, or a label in every row",
        hint=f"set data.missing_labels to drop to leave these rows out{is_class if words else ''}",
    )


def _by_kind(rows: Rows, unlabelled: Mapping[int, str]) -> str:
    """Each way in which labels are missing, with its rows."""
    kinds: dict[str, list[int]] = {}
    for i, kind in unlabelled.items():
        kinds.setdefault(kind, []).append(i)
    return "; ".join(f"{len(at)} {kind} ({_listed(rows, at)})" for kind, at in kinds.items())


def _listed(rows: Rows, at: Sequence[int]) -> str:
    named = ", ".join(rows.place(i) for i in at[:_NAMED])
    return ("row " if len(at) == 1 else "rows ") + named + (", …" if len(at) > _NAMED else "")
