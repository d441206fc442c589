"""What the form of an experiment needs of a field beyond its title, help, type and bounds.

A plain ``Field(...)`` needs nothing of this: it stands in the section of its class, in the order of
declaration, as the input of its type (a switch for bool, a choice for Literal, tags for a tuple).
What differs from that is said with :func:`form` where the field is declared. It travels in the JSON
schema as ``x-form``, and ``frontend/src/spec/layout.ts`` places the field by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Condition = Mapping[str, Sequence[str | int | float | bool]]
Widget = Literal["methods", "targets", "textarea", "trackers"]


@dataclass(frozen=True)
class Section:
    """A group of fields under a title.

    ``plain`` has no frame, ``fieldset`` has one, ``folded`` opens on a click.
    """

    title: str
    display: Literal["plain", "fieldset", "folded"] = "folded"
    columns: int = 2
    help: str = ""


# In the order of the form. A spec of another title gets a folded section at the end.
SECTIONS = (
    Section("Experiment", "plain", columns=1),
    Section("Model and data", "fieldset"),
    Section("Methods", "fieldset", columns=1),
    Section(
        "Grid",
        "fieldset",
        columns=3,
        help="Every method runs with every combination. Without several learning rates and seeds "
        "no winner can be named.",
    ),
    Section("Training"),
    Section("Adapter"),
    Section("Gradient"),
    Section("Data"),
    Section("Measurements"),
)


def form(
    *,
    section: str | None = None,
    order: int | None = None,
    widget: Widget | None = None,
    choices: Mapping[str, str] | None = None,
    empty: str | None = None,
    shown_when: Condition | None = None,
    hidden_when: Condition | None = None,
    hidden: bool | None = None,
) -> dict[str, Any]:
    """What is particular about a field in the form, for ``Field(json_schema_extra=...)``.

    - ``section``: the title of one of :data:`SECTIONS`, instead of that of the field's class.
    - ``order``: its place there: fields are sorted by it, and by declaration where it is equal; 0
      where it is not given.
    - ``widget``: an input made for this field, instead of that of its type.
    - ``choices``: what can be chosen, with the label of each value.
    - ``empty``: what the absence of a value means, for a field that may be None.
    - ``shown_when``: the field is shown while any of these fields, such as
      ``methods.*.optimizer``, has one of the values listed.
    - ``hidden_when``: the field is hidden while any of these fields has one of the values listed.
    - ``hidden``: the field is not in the form at all, or in that of the widget around it.

    A field that is not shown keeps its value, and is shown where its value is refused.
    """
    given = {
        "section": section,
        "order": order,
        "widget": widget,
        # A list: pydantic sorts the keys of a schema.
        "choices": choices and [{"value": value, "label": choices[value]} for value in choices],
        "empty": empty,
        "shown_when": shown_when,
        "hidden_when": hidden_when,
        "hidden": hidden,
    }
    return {"x-form": {name: value for name, value in given.items() if value is not None}}


def layout() -> dict[str, Any]:
    """The sections, for the ``json_schema_extra`` of the spec whose form it is."""
    return {"x-sections": [asdict(section) for section in SECTIONS]}
