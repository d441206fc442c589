"""Specs that earlier releases wrote, brought forward one small step at a time.

A spec says its version; one without a version is of the first, in which specs did not say theirs.
Each step takes a document of one version to the next. Steps rename and rearrange: a field that is
only new needs none, since what is absent has its default (see :mod:`loraone.spec.stored`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]
Step = Callable[[Document], None]


def _to_2(spec: Document) -> None:
    """A gradient's way is its strategy, immediate is layerwise, trust is split-half agreement."""
    _rename(spec.get("gradient"), "way", "strategy", {"immediate": "layerwise"})
    _rename(spec.get("measure"), "gradient_trust", "split_half_agreement")


def _rename(section: Any, old: str, new: str, values: Mapping[Any, Any] | None = None) -> None:
    """Move a field, and rename its values; where both are given validation names the old one."""
    if isinstance(section, dict) and old in section and new not in section:
        value = section.pop(old)
        known = values is not None and isinstance(value, str) and value in values
        section[new] = values[value] if known and values is not None else value


# The step at index i takes version i + 1 to version i + 2.
STEPS: tuple[Step, ...] = (_to_2,)
CURRENT = len(STEPS) + 1


def version_of(document: Mapping[str, Any]) -> int | None:
    """The version that a document says, 1 where it says none, None where that is no version."""
    version = document.get("version", 1)
    counts = isinstance(version, int) and not isinstance(version, bool)
    return version if counts and version >= 1 else None


def upgraded(document: Mapping[str, Any]) -> Document:
    """A copy in the current version, of an experiment's spec or a run's.

    What a step does not know stays as it is, for the spec's own validation to name. A document of
    the current version, of a newer release, or without a usable version is returned unchanged;
    its sections are then those of ``document``.
    """
    version = version_of(document)
    if version is None or version >= CURRENT:
        return dict(document)
    current = copy.deepcopy(dict(document))
    for step in STEPS[version - 1 :]:
        step(current)
    current["version"] = CURRENT
    return current
