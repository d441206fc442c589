"""Which texts."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loraone.catalog import SOURCES
from loraone.spec.base import Seed, Spec, Text, Word, at_most
from loraone.spec.form import form


def _text_codec(name: str) -> str:
    """The codec by Python's own name of it, so that utf8 and UTF-8 are no difference."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        codec = None
    # The attribute that open() itself asks; hex, zip or rot13 are codecs, but not of text. Those of
    # domain names decode no stream.
    domain = codec is not None and codec.name in ("idna", "punycode", "undefined")
    if codec is None or domain or not getattr(codec, "_is_text_encoding", True):
        raise PydanticCustomError(
            "unknown_encoding",
            "{name} is no text encoding that Python knows; allowed: utf-8, utf-16, cp1252, "
            "iso8859-1, shift_jis, gb18030 and the others of Python's text encodings",
            {"name": repr(name)},
        )
    # A byte order mark is accepted with every encoding.
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


class DataSpec(Spec):
    """Which texts, which columns, and how many of them."""

    source: Text = Field(
        "builtin:stdlib-docstrings",
        title="Data",
        min_length=1,
        max_length=500,
        description=f"builtin:stdlib-docstrings, a {SOURCES['file'].file_kinds}, or a hub id",
        json_schema_extra=form(section="Model and data", order=1),
    )
    text_column: Word = Field("text", title="Text column", description="Column that holds the text")
    label_column: Word = Field(
        "label",
        title="Label column",
        description="Column that holds the label; not read for language modelling",
    )
    encoding: Annotated[str, AfterValidator(_text_codec)] = Field(
        "utf-8",
        title="Encoding",
        min_length=1,
        max_length=40,
        description="Of a CSV or JSON file, such as utf-8, utf-16 or cp1252",
    )
    missing_labels: Literal["refuse", "drop"] = Field(
        "refuse",
        title="Missing labels",
        description="Refuse data in which texts have no label, or leave these texts out",
        json_schema_extra=form(
            choices={"refuse": "Refuse the data", "drop": "Leave these texts out"}
        ),
    )
    missing_words: Annotated[
        tuple[Annotated[Text, Field(max_length=200)], ...], at_most(100, "words")
    ] = Field(
        ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"),
        title="Words for a missing label",
        max_length=100,
        description="As they are written; what is not listed is a class. "
        "An empty label is always missing",
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
