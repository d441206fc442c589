"""The page as it is built: small enough to open at once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest


def test_the_pages_own_javascript_is_at_most_300_kilobytes_packed(built_page: Path) -> None:
    scripts = (built_page / "assets").glob("*.js")
    others = ("plotly-", "docs-")  # of the figures, and of the API's description
    files = [file for file in scripts if not file.name.startswith(others)]
    assert len(files) > 1, "the page has not been built: run 'make page'"
    packed = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    assert packed <= 300_000


@pytest.mark.parametrize("large", ["plotly", "docs"])
def test_what_is_large_is_apart_and_is_not_loaded_by_the_first_page(
    built_page: Path, large: str
) -> None:
    page = (built_page / "index.html").read_text()
    assert any(file.name.startswith(large) for file in (built_page / "assets").glob("*.js"))
    assert large not in page
