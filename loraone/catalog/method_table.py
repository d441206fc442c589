"""The table of docs/methods.md, written from the rows: ``python -m loraone.catalog.method_table``.

With ``--check`` nothing is written, and the exit status is 1 where the file is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from loraone.catalog import METHODS
from loraone.catalog.rows import Flag, Method

FILE = Path(__file__).parents[2] / "docs" / "methods.md"
BEGIN = "<!-- From the rows of loraone/methods by `python -m loraone.catalog.method_table`. -->"
END = "<!-- End of the generated table. -->"

_HEAD = ("name", "factors at the start", "base weight", "trained", "computed from", "starts at W₀")
_TRAINED = {
    "adapter": "A and B",
    "A": "A",
    "core": "R, an r × r core: `B·R·A`",
    "all": "the target layers",
}


def table() -> str:
    """One line for each method of the catalogue, in the order of the form."""
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    return "\n".join(lines + [_line(cells(row)) for row in METHODS.values()])


def cells(row: Method) -> list[str]:
    """What the table says of a method."""
    name = f"`{row.name}`, {row.label}"
    if row.paper is not None:
        name += f" ([{row.paper.url.rsplit('/', 1)[-1]}]({row.paper.url}))"
    return [
        name,
        f"`{row.formula}`",
        _base(row),
        _TRAINED[row.trains],
        ", ".join(row.reads) or "nothing",
        _said(row.starts_pretrained, "yes", "no"),
    ]


def _base(row: Method) -> str:
    if row.trains == "all":
        return "trained itself"
    if row.quantises:
        return "rounded to 4 bits"
    return _said(row.changes_base, "`W₀ − s·B·A`", "kept")


def _said(flag: Flag, yes: str, no: str) -> str:
    if isinstance(flag, bool):
        return yes if flag else no
    parameter, value = flag
    return f"{no}; {yes} with `{parameter}: {value}`"


def _line(parts: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(parts)} |"


def written(text: str) -> str:
    """``text`` of the document with the table of today between its marks.

    Raises ValueError where the marks are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{FILE} has no lines {BEGIN!r} and {END!r} for the table to stand between"
        )
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the table, or with ``--check`` say whether it is stale."""
    text = FILE.read_text()
    if "--check" not in arguments:
        FILE.write_text(written(text))
    elif written(text) != text:
        print(f"{FILE} is stale: run python -m loraone.catalog.method_table")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
