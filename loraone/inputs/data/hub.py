"""Data sets of the Hugging Face hub, by ``org/name[@revision]``, through ``datasets``."""

from __future__ import annotations

import re
from pathlib import Path

from loraone.errors import DataError
from loraone.inputs.data.files import check_columns
from loraone.inputs.data.texts import Rows
from loraone.spec.data import DataSpec

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?(@[\w./-]+)?")


def check_name(source: str) -> None:
    """Raise DataError unless ``source`` is a hub id.

    ``datasets`` would read a local folder of that name: local data is read by its file's name
    alone, where the allowed roots are checked.
    """
    if not _NAME.fullmatch(source) or Path(source.partition("@")[0]).exists():
        raise DataError(
            f"data {source!r} is neither a .csv, .jsonl or .parquet file nor a hub id",
            field="data.source",
            value=source,
            allowed="builtin:stdlib-docstrings, a .csv, .jsonl or .parquet file, or "
            "org/name[@revision]",
        )


def load(spec: DataSpec, labelled: bool) -> Rows:
    """Read the ``train`` split's columns; class labels appear by their names."""
    check_name(spec.source)
    import datasets

    name, _, revision = spec.source.partition("@")
    try:
        table = datasets.load_dataset(name, revision=revision or None, split="train")
    except Exception as error:  # datasets raises many kinds, network errors among them
        raise DataError(
            f"data set {spec.source!r} cannot be loaded from the hub: {error}",
            field="data.source",
            value=spec.source,
            hint="check the name, the network, and HF_TOKEN for a private data set",
        ) from error
    names = {"text_column": spec.text_column}
    if labelled:
        names["label_column"] = spec.label_column
    check_columns(table.column_names, names, spec.source)
    labels = None
    if labelled:
        feature = table.features[spec.label_column]
        values = table[spec.label_column]
        is_class = isinstance(feature, datasets.ClassLabel)
        labels = [feature.int2str(v) if is_class else str(v) for v in values]
    return Rows([str(text or "") for text in table[spec.text_column]], labels)
