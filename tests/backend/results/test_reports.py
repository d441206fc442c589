"""Notes in a report: Markdown as the page shows it, that can do and fetch nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.cli.offline import write_report
from backend.settings import Settings
from backend.web.app import create_app

SPEC = {"task": "teacher-student", "methods": ["lora"]}
NOTE = "# Expected\n\n**Less** than ~~half~~\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n"
HOSTILE = [
    "<script>alert(1)</script>",
    "</div></section><script src=https://example.org/x.js></script>",
    "<img src=https://example.org/x.png onerror=alert(1)>",
    "![x](https://example.org/x.png)",
    "[x](javascript:alert(1))",
    "[x](JAVASCRIPT&colon;alert(1))",
    "[x]: data:text/html;base64,AAAA\n\n[x]",
    "<style>@import 'https://example.org/x.css'</style>",
    "```\n</pre><script>alert(1)</script>\n```",
    "| <iframe src=https://example.org> |\n|---|\n| <b onclick=x> |",
]


class Section(HTMLParser):
    """The tags of the section under the heading Notes, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        # As far as the next section, so that what breaks out of its own is seen.
        self.html = page.partition("<h2>Notes</h2>")[2].partition("<h2>Recipe</h2>")[0]
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def written(client: TestClient, text: str) -> int:
    """An experiment with this note."""
    number = int(client.post("/api/experiments", json=SPEC).json()["id"])
    answer = client.post(f"/api/experiments/{number}/notes", json={"text": text, "base": 0})
    assert answer.is_success
    return number


def test_notes_are_rendered_and_not_shown_as_source(client: TestClient) -> None:
    number = written(client, NOTE)
    section = Section(client.get(f"/api/experiments/{number}/report.html").text)
    tags = [tag for tag, _ in section.tags]
    assert {"h1", "strong", "s", "table", "td", "ul", "input"} <= set(tags)
    assert "pre" not in tags
    assert "**" not in section.html
    assert "|---|" not in section.html
    assert "Version 1 by" in section.html


@pytest.mark.parametrize("text", HOSTILE)
def test_notes_in_a_report_run_nothing_and_load_nothing(client: TestClient, text: str) -> None:
    number = written(client, text)
    page = client.get(f"/api/experiments/{number}/report.html").text
    section = Section(page)
    allowed = {"div", "p", "a", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert {tag for tag, _ in section.tags} <= allowed | {"section", "h2"}
    for _, attributes in section.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        link = (attributes.get("href") or "").lower()
        assert not link.startswith(("javascript", "data", "vbscript"))
    # What would be fetched all the same is refused by the page's own policy.
    assert "default-src 'none'" in page
    assert section.html.count("</section>") == 1


def test_the_command_line_writes_the_same_notes(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    number = written(TestClient(app, base_url="http://127.0.0.1:8111"), NOTE)
    output = tmp_path / "report.html"
    write_report(tmp_path, number, output)
    assert "<strong>Less</strong>" in Section(output.read_text(encoding="utf-8")).html
