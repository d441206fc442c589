"""What never changes is packed once and kept by the browser; the page itself is asked for anew."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from backend.api.representations import has, preferred
from tests.backend.web.conftest import Served
from tests.backend.web.raw import Answer, Raw

BROWSER = "gzip, deflate, br, zstd"
# Of each answer its own, or said twice where a middleware says it too.
VARYING = {"date": "", "vary": "", "x-request-id": ""}


@pytest.fixture
def script(built_page: Path) -> str:
    """The name of the page's first script."""
    found = re.search(r'src="\./assets/([^"]+\.js)"', (built_page / "index.html").read_text())
    assert found is not None
    return found[1]


def ask(server: Served, path: str, method: str = "GET", **headers: str) -> Answer:
    client = Raw(server.address)
    answer = client.ask(path, method, **headers)
    client.close()
    return answer


@pytest.mark.parametrize(
    ("accepts", "ending", "encoding"),
    [(BROWSER, ".br", "br"), ("gzip", ".gz", "gzip"), ("identity", "", None), ("br;q=0", "", None)],
)
def test_an_asset_is_sent_as_it_was_packed_and_may_be_kept(
    server: Served, built_page: Path, script: str,
    accepts: str, ending: str, encoding: str | None,
) -> None:  # fmt: skip
    answer = ask(server, f"/assets/{script}", Accept_Encoding=accepts)
    assert answer.status == 200
    assert answer.body == (built_page / "assets" / f"{script}{ending}").read_bytes()
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "Accept-Encoding" in answer.headers["vary"]
    head = ask(server, f"/assets/{script}", "HEAD", Accept_Encoding=accepts)
    assert head.status == 200
    assert {**head.headers, **VARYING} == {**answer.headers, **VARYING}


def test_each_packing_has_an_etag_of_its_own_and_is_not_sent_twice(
    server: Served, script: str
) -> None:
    tags = set()
    for accepts in ("br", "gzip", "identity"):
        tag = ask(server, f"/assets/{script}", Accept_Encoding=accepts).headers["etag"]
        again = ask(
            server, f"/assets/{script}", Accept_Encoding=accepts, If_None_Match=f'"x", W/{tag}'
        )
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["vary"] == "Accept-Encoding"
        assert "immutable" in again.headers["cache-control"]
        tags.add(tag)
    assert len(tags) == 3


@pytest.mark.parametrize("part", ["bytes=10-19", "bytes=99999999-", "bytes=0-0,-1", "bytes=x"])
def test_an_asset_is_sent_as_a_whole_and_says_so(
    server: Served, built_page: Path, script: str, part: str
) -> None:
    answer = ask(server, f"/assets/{script}", Accept_Encoding="gzip", Range=part)
    packed = (built_page / "assets" / f"{script}.gz").read_bytes()
    assert (answer.status, answer.body) == (200, packed)
    assert answer.headers["accept-ranges"] == "none"


@pytest.mark.parametrize("suffix", [".js", "", ".js.gz", ".js.br", "/", "/../index.html"])
def test_an_asset_that_is_not_there_is_a_404_that_is_not_kept(server: Served, suffix: str) -> None:
    answer = ask(server, f"/assets/index-gone{suffix}", Accept_Encoding=BROWSER)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cache-control" not in answer.headers


def test_every_asset_of_some_size_was_packed(built_page: Path) -> None:
    for file in (built_page / "assets").iterdir():
        if file.suffix in (".js", ".css") and file.stat().st_size > 1000:
            packed = file.with_name(file.name + ".gz")
            assert gzip.decompress(packed.read_bytes()) == file.read_bytes()
            assert file.with_name(file.name + ".br").stat().st_size < packed.stat().st_size


@pytest.mark.parametrize("path", ["/", "/history", "/experiments/1", "/api/docs"])
def test_a_page_is_asked_for_anew_each_time(server: Served, built_page: Path, path: str) -> None:
    answer = ask(server, path, Accept_Encoding=BROWSER)
    assert answer.headers["cache-control"] == "no-cache"
    file = "docs.html" if path == "/api/docs" else "index.html"
    assert b"<!doctype html>" in answer.body
    scripts = re.findall(r'assets/[^"]+', (built_page / file).read_text())
    assert re.findall(r'(?<="/)assets/[^"]+', answer.body.decode()) == scripts
    assert ask(server, path, "HEAD").headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize("path", ["/api/catalog", "/api/openapi.json"])
def test_what_is_the_same_all_the_time_is_sent_once(server: Served, path: str) -> None:
    plain = ask(server, path, Accept_Encoding="identity")
    packed = ask(server, path, Accept_Encoding=BROWSER)
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer, accepts in ((plain, "identity"), (packed, BROWSER)):
        tag = answer.headers["etag"]
        again = ask(server, path, Accept_Encoding=accepts, If_None_Match=tag)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("br, gzip", "br"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0, br; q=0.0", "identity"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("deflate, zstd", "identity"),
        ("gzip;q=;;,,", "identity"),
    ],
)
def test_only_what_a_client_can_unpack_is_sent_to_it(header: str, chosen: str) -> None:
    assert preferred(header, ("br", "gzip")) == chosen


def test_an_etag_is_recognised_in_a_list_and_where_it_is_weak() -> None:
    assert has('"a", W/"b"', '"b"')
    assert has("*", '"b"')
    assert not has('"a"', '"b"')
    assert not has("", '"b"')
