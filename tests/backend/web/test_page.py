"""The page as it is built: small enough to open at once."""

from __future__ import annotations

import gzip
from pathlib import Path


def test_the_pages_own_javascript_is_at_most_300_kilobytes_packed(built_page: Path) -> None:
    scripts = (built_page / "assets").glob("*.js")
    files = [file for file in scripts if "plotly" not in file.name]
    assert len(files) > 1, "the page has not been built: run 'make page'"
    packed = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
    assert packed <= 300_000


def test_plotly_is_apart_and_is_not_loaded_by_the_first_page(built_page: Path) -> None:
    page = (built_page / "index.html").read_text()
    assert any("plotly" in file.name for file in (built_page / "assets").glob("*.js"))
    assert "plotly" not in page
