"""YAML as specs are written in: a name stands once, and few parts are there by reference."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

# A few kilobytes of references to references would be gigabytes of text.
MOST_ALIASES = 100


class _Loader(yaml.SafeLoader):
    aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Count the references."""
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise yaml.YAMLError(f"more than {MOST_ALIASES} references (*name)")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping. Raises YAMLError where a name stands twice: the first would be lost."""
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for name, count in names.most_common(1):
            if count > 1:
                raise yaml.YAMLError(f"{name[:100]!r} is named {count} times")
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """The document in ``text``. Raises yaml.YAMLError, RecursionError where it nests too deep, or
    ValueError for a date or a number that is none."""
    return yaml.load(text, _Loader)  # noqa: S506
