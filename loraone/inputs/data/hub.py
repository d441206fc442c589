"""Data sets of the Hugging Face hub, by ``org/name[@revision]``, through ``datasets``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loraone.catalog import SOURCES
from loraone.errors import DataError
from loraone.inputs.data import arrow_columns
from loraone.inputs.data.columns import Column, wanted
from loraone.inputs.data.rows import Row, Rows
from loraone.inputs.hub_names import is_path, parsed
from loraone.spec.data import DataSpec

# A file of an archive or of a packed file, as datasets names it before what holds it.
_IN_ARCHIVE = re.compile(r"(zip|tar|gzip|bz2|lz4|xz|zstd)://.*", re.DOTALL)


def check_name(source: str) -> tuple[str, str | None]:
    """Name and revision of a hub id. Raises DataError for what is none.

    ``datasets`` takes a name without an organisation, such as ``csv`` or ``text``, for one of its
    own loaders, which reads the working folder, and would read a local folder of that name: local
    data is read by its file's name alone, where the allowed roots are checked.
    """
    on_hub = parsed(source)
    if on_hub is None or "/" not in on_hub[0] or is_path(on_hub[0]):
        kinds = SOURCES["file"].file_kinds
        raise DataError(
            f"data {source!r} is neither a {kinds} nor a hub id",
            field="data.source",
            value=source,
            allowed=f"builtin:stdlib-docstrings, a {kinds}, or org/name[@revision]",
        )
    return on_hub


def load(spec: DataSpec, labelled: bool) -> Rows:
    """Read the ``train`` split's columns; class labels appear by their names."""
    name, revision = check_name(spec.source)
    import datasets

    try:
        # The prefix keeps it from ever looking for the name on this machine.
        builder = datasets.load_dataset_builder(f"hf://datasets/{name}", revision=revision)
        _check_files(builder.config.data_files, name, spec)
        builder.download_and_prepare()
        table: Any = builder.as_dataset(split="train")
    except DataError:
        raise
    except Exception as error:  # datasets raises many kinds, network errors among them
        raise DataError(
            f"data set {spec.source!r} cannot be loaded from the hub: {error}",
            field="data.source",
            value=spec.source,
            hint="check the name, the network, and HF_TOKEN for a private data set",
        ) from error
    columns = wanted(spec, labelled)
    arrow_columns.check_schema(columns, table.features.arrow_schema)
    names = list(dict.fromkeys(column.name for column in columns))
    batches = table.select_columns(names).with_format("arrow").iter(batch_size=10_000)
    rows = arrow_columns.rows(columns, batches)
    feature = table.features[columns[-1].name]
    if not labelled or not isinstance(feature, datasets.ClassLabel):
        return Rows.collect(columns, rows)
    collected = Rows.collect(columns, _with_names(rows, columns[-1], feature.names))
    return Rows(collected.texts, collected.labels, declared=True)


def _check_files(files: Mapping[Any, Sequence[str]] | None, name: str, spec: DataSpec) -> None:
    """Raise DataError where the data set's own configuration names files that are not its own:
    ``datasets`` would read those of this machine, or ask any address for them."""
    for file in (str(file) for of_split in (files or {}).values() for file in of_split):
        if not _is_within(file, name):
            raise DataError(
                f"data set {spec.source!r} names a file outside its repository as its data: {file}",
                field="data.source",
                value=spec.source,
                allowed=f"a data set whose files all lie in hf://datasets/{name}, or in archives "
                "there",
            )


def _is_within(file: str, name: str) -> bool:
    """Whether a file lies in the repository, or in an archive that does: each part of
    ``zip://a.csv::hf://datasets/org/name/b.zip`` is a file within what the next one names."""
    *inner, last = file.split("::")
    place, _, path = last.removeprefix("hf://datasets/").partition(name)
    in_repository = last.startswith("hf://datasets/") and not place and path[:1] in ("@", "/")
    return (
        in_repository
        and ".." not in path.split("/")
        and all(_IN_ARCHIVE.fullmatch(part) for part in inner)
    )


def _with_names(rows: Iterator[Row], column: Column, names: Sequence[Any]) -> Iterator[Row]:
    """Classes by their names; -1 is what data sets write where there is no label."""
    for number, (_, (text, code)) in enumerate(rows, 1):
        if code is None or code == "-1":
            yield 0, (text, None)
        elif int(code) in range(len(names)):
            yield 0, (text, str(names[int(code)]))
        else:
            raise column.refused(number, 0, f"has classes 0 to {len(names) - 1}, not", value=code)
