"""Whether a spec fits the model that it names, as far as its configuration says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loraone.inputs.models import positions, quantisation, vocabulary
from loraone.inputs.models.folder import CONFIG
from loraone.inputs.models.json_files import read_json
from loraone.spec.experiment import _Shared


def check(folder: Path, spec: _Shared) -> None:
    """Raise SpecError or ModelError where the model in ``folder`` is quantised and a method needs
    it in full precision, texts may be longer than it has positions for, or its tokenizer has ids
    that the embedding has no rows for."""
    config = read_config(folder)
    quantisation.check(config, spec.model)
    quantisation.check_methods(config, spec)
    allowed = positions.allowed_tokens(config)
    positions.check_length(spec.data.max_length, allowed, spec.model.id)
    vocabulary.check_files(folder, _rows(config), spec.model.id)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model; empty where it cannot be read."""
    try:
        parsed = read_json(folder / CONFIG)
    except (OSError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _rows(config: Mapping[str, Any]) -> int | None:
    """How many tokens the configuration says that the model knows."""
    text = config.get("text_config")
    rows = config.get("vocab_size", text.get("vocab_size") if isinstance(text, Mapping) else None)
    return rows if isinstance(rows, int) else None
