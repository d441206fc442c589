"""Data sets of the Hugging Face hub, by ``org/name[@revision]``, through ``datasets``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from loraone.catalog import SOURCES
from loraone.errors import DataError
from loraone.inputs.data import arrow_columns, hub_files
from loraone.inputs.data.columns import Column, wanted
from loraone.inputs.data.rows import Row, Rows
from loraone.inputs.hub_names import is_path, parsed
from loraone.spec.data import DataSpec


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
        with hub_files.own_patterns(name, spec.source):
            builder = datasets.load_dataset_builder(f"hf://datasets/{name}", revision=revision)
        hub_files.check(builder.config.data_files, name, spec.source)
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


def _with_names(rows: Iterator[Row], column: Column, names: Sequence[Any]) -> Iterator[Row]:
    """Classes by their names; -1 is what data sets write where there is no label."""
    for number, (_, (text, code)) in enumerate(rows, 1):
        if code is None or code == "-1":
            yield 0, (text, None)
        elif int(code) in range(len(names)):
            yield 0, (text, str(names[int(code)]))
        else:
            raise column.refused(number, 0, f"has classes 0 to {len(names) - 1}, not", value=code)
