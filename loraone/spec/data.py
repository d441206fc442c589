"""Which texts."""

from __future__ import annotations

from pydantic import Field

from loraone.spec.base import Seed, Spec
from loraone.spec.form import form


class DataSpec(Spec):
    """Which texts, which columns, and how many of them."""

    source: str = Field(
        "builtin:stdlib-docstrings",
        title="Data",
        min_length=1,
        max_length=500,
        description="builtin:stdlib-docstrings, a .csv, .jsonl or .parquet file, or a hub id",
        json_schema_extra=form(section="Model and data", order=1),
    )
    text_column: str = Field(
        "text", title="Text column", min_length=1, description="Column that holds the text"
    )
    label_column: str = Field(
        "label",
        title="Label column",
        min_length=1,
        description="Column that holds the label; not read for language modelling",
    )
    max_length: int = Field(
        64, title="Tokens per text", ge=4, le=8192, description="Longer texts are cut (tokens)"
    )
    train_samples: int = Field(
        1024, title="Training texts", ge=8, le=10_000_000, description="At most so many"
    )
    eval_samples: int = Field(
        256, title="Evaluation texts", ge=4, le=1_000_000, description="At most so many"
    )
    split_seed: Seed = Field(
        0,
        title="Split seed",
        description="Draws the train/evaluation split; the same for all seeds of the grid",
    )
