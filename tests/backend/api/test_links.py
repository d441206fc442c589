"""Every link that a page makes is one that the server takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from backend.results import basket
from backend.results.run_table import heads
from backend.web.request_checks import MOST_TARGET

PAGE = Path(__file__).parents[3] / "frontend/src/results/basket/basket.ts"
SPEC: dict[str, Any] = {"task": "teacher-student", "methods": ["lora"]}


@pytest.fixture
def client(client: TestClient) -> TestClient:
    """With an experiment of one method."""
    assert client.post("/api/experiments", json=SPEC).status_code == 201
    return client


def test_the_page_has_the_bounds_of_the_server() -> None:
    known = dict(re.findall(r"export const (MOST_\w+) = (\d+);", PAGE.read_text()))
    assert known == {name: str(getattr(basket, name)) for name in known}
    assert set(known) == {"MOST_ITEMS", "MOST_LABELS", "MOST_LINK"}


def test_an_address_has_room_for_the_longest_lists_with_all_columns_and_a_search() -> None:
    columns = len(quote(str([head.name for head in heads()])))
    assert 2 * basket.MOST_LINK + columns + 3 * 500 < MOST_TARGET


@pytest.mark.parametrize("field", ["of", "labels"])
def test_the_longest_list_is_taken_and_a_longer_one_refused_with_what_is_allowed(
    client: TestClient, field: str
) -> None:
    def asked(length: int) -> Any:
        # As the page's client writes it.
        names = [f"e1:{'γ' * 160}{i}" for i in range(length // 975)] or ["e1"]
        lists = {"of": ["e1"], field: names}
        query = "&".join(
            f"{key}={quote(text, safe='')}" for key, texts in lists.items() for text in texts
        )
        return client.get(f"/api/figures/curves?{query}")

    taken, refused = asked(basket.MOST_LINK), asked(basket.MOST_LINK + 975)
    wrong = [error["message"] for error in taken.json().get("errors", [])]
    assert all("no such method" in one for one in wrong), (
        "the names are of nothing, and short enough"
    )
    (problem,) = refused.json()["errors"]
    assert (refused.status_code, problem["path"]) == (422, field)
    assert "too long together" in problem["message"] and "6000" in problem["allowed"]


def test_the_longest_link_with_both_lists_comes_through(client: TestClient) -> None:
    count = basket.MOST_LINK // len(quote('"",' + "γ" * 200))
    named = "".join(f"&labels={quote(str(i) + 'γ' * 199)}" for i in range(count))
    runs = "".join("&of=r1" for _ in range(basket.MOST_ITEMS - 1))
    answer = client.get(f"/api/figures/curves?of=e1{runs}{named}&judge=eval_loss")
    assert answer.status_code == 200, answer.text
