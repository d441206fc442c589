"""The page as it is built: small enough to open at once, and for any path."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.web.app import create_app


def test_a_page_opens_with_one_script_of_at_most_300_kilobytes_packed(built_page: Path) -> None:
    page = (built_page / "index.html").read_text()
    (script,) = re.findall(r"assets/[^\"]+\.js", page)
    assert len(gzip.compress((built_page / script).read_bytes(), 9)) <= 300_000


@pytest.mark.parametrize("large", ["plotly", "docs", "formulas"])
def test_what_is_large_is_apart_and_is_not_loaded_by_the_first_page(
    built_page: Path, large: str
) -> None:
    page = (built_page / "index.html").read_text()
    assert any(file.name.startswith(large) for file in (built_page / "assets").glob("*.js"))
    assert large not in page


def test_the_page_says_where_it_is(tmp_path: Path, built_page: Path) -> None:
    url = "https://lab.example.org/lora"
    under = TestClient(create_app(Settings(home=tmp_path / "a", public_url=url)), base_url=url)
    at_top = TestClient(create_app(Settings(home=tmp_path / "b")), base_url="http://localhost")
    for path in ("/history", "/experiments/3", "/api/docs"):
        page = under.get(path).text
        assert '<meta name="loraone-root" content="/lora" />' in page
        assert f'<meta name="loraone-url" content="{url}" />' in page
        assert 'src="/lora/assets/' in page
        assert '<meta name="loraone-root" content="" />' in at_top.get(path).text
        assert 'src="/assets/' in at_top.get(path).text
    assert under.get("/api/openapi.json").json()["servers"] == [{"url": "/lora"}]
    assert "servers" not in at_top.get("/api/openapi.json").json()


def test_no_built_file_asks_for_the_top_of_the_host(built_page: Path) -> None:
    for name in ("index.html", "docs.html"):
        built = (built_page / name).read_text()
        assert 'src="./assets/' in built
        assert '="/' not in built
    for file in (built_page / "assets").glob("*.[jc]s*"):
        if file.suffix in (".js", ".css"):
            text = file.read_text(encoding="utf-8")
            assert not any(f"{quote}/assets/" in text for quote in "\"'`(")
