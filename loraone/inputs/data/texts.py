"""Texts with or without labels, split into training and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loraone.catalog import SOURCES, resolve
from loraone.errors import DataError
from loraone.inputs.data.missing import complete
from loraone.inputs.data.rows import Rows
from loraone.inputs.data.split import stratified
from loraone.spec.data import DataSpec

LEAST_TEXTS = 16


@dataclass(frozen=True)
class TextData:
    """A split data set.

    ``fingerprint`` is a hash of every text and label in order; ``notes`` say what was left out.
    """

    train_texts: tuple[str, ...]
    train_labels: tuple[int, ...]
    eval_texts: tuple[str, ...]
    eval_labels: tuple[int, ...]
    label_names: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def load(spec: DataSpec, *, labelled: bool) -> TextData:
    """Read, check, and split the data that ``spec`` names.

    With labels the split is stratified: every label keeps its share on both sides. Without, all
    labels are 0. Raises DataError for what cannot be read, lacks a column or labels, or is too
    small.
    """
    rows: Rows = resolve(SOURCES[source_of(spec.source)].load)(spec, labelled)
    usable = complete(rows, spec)
    texts = [rows.texts[i] or "" for i in usable.rows]
    labels = [""] * len(texts)
    if rows.labels is not None:
        labels = [rows.labels[i] or "" for i in usable.rows]
    names = tuple(sorted(set(labels)))
    if len(texts) < LEAST_TEXTS:
        raise DataError(
            f"{spec.source} has {len(texts)} texts that are not empty; allowed: at least "
            f"{LEAST_TEXTS}",
            field="data.source",
            value=spec.source,
            allowed=f"at least {LEAST_TEXTS} texts",
            hint=" ".join(usable.notes) or None,
        )
    if labelled and len(names) < 2:
        raise DataError(
            f"column {spec.label_column!r} of {spec.source} has {len(names)} distinct labels; "
            "allowed: at least 2",
            field="data.label_column",
            value=spec.label_column,
            allowed="a column with at least 2 distinct values",
        )
    index = {name: i for i, name in enumerate(names)}
    codes = np.array([index[label] for label in labels])
    eval_ids = stratified(codes, min(spec.eval_samples, len(texts) // 4), spec.split_seed)
    rest = np.setdiff1d(np.arange(len(texts)), eval_ids)
    train_ids = rest[
        stratified(codes[rest], min(spec.train_samples, len(rest)), spec.split_seed + 1)
    ]
    return TextData(
        train_texts=tuple(texts[i] for i in train_ids),
        train_labels=tuple(int(codes[i]) for i in train_ids),
        eval_texts=tuple(texts[i] for i in eval_ids),
        eval_labels=tuple(int(codes[i]) for i in eval_ids),
        label_names=names,
        fingerprint=fingerprint(texts, labels),
        notes=usable.notes,
    )


def source_of(name: str) -> str:
    """Which row of the catalogue reads ``name``.

    Raises DataError for a ``builtin:`` that there is not.
    """
    for row in SOURCES.values():
        if row.prefix and name == row.prefix:
            return row.name
    if name.startswith("builtin:"):
        known = ", ".join(row.prefix for row in SOURCES.values() if row.prefix)
        raise DataError(
            f"data source {name!r} is not known; allowed: {known}",
            field="data.source",
            value=name,
            allowed=known,
        )
    return "file" if SOURCES["file"].suffix(name) else "hub"


def fingerprint(texts: Sequence[str], labels: Sequence[str]) -> str:
    """SHA-256 over all texts and labels, unambiguous about where one ends."""
    digest = hashlib.sha256()
    for text, label in zip(texts, labels, strict=True):
        for part in (text, label):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
