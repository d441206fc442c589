"""What schemathesis asks of each answer beside what the API's description says.

It runs in a process of its own, and writes down what it was answered, a line for each request.
"""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import schemathesis

SENT = "LORAONE_FUZZ_SENT"
MOST_SECONDS, MOST_BYTES = 2.0, 10_000_000
# A header that nobody reads but this.
ROLE = "X-Fuzzed-As"
# How often each route is asked for the same again.
_AGAIN = 3

_asked: Counter[str] = Counter()
_client = httpx.Client(timeout=20)


@dataclass(frozen=True)
class Sent:
    """A request, who asked where several do, and how long its answer took."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    seconds: float
    status: int
    role: str

    @property
    def slow(self) -> bool:
        """How long the theory lab takes is said in the plan, and while it goes on."""
        return self.seconds > MOST_SECONDS and not self.url.partition("?")[0].endswith("/theory")

    @classmethod
    def read(cls, file: Path) -> list[Sent]:
        """All that were written down."""
        lines = file.read_text().splitlines() if file.exists() else []
        return [cls(**json.loads(line)) for line in lines]

    def again(self) -> httpx.Response:
        """The answer to the same request."""
        body = base64.b64decode(self.body)
        return httpx.request(self.method, self.url, headers=self.headers, content=body, timeout=60)


@schemathesis.check
def bounded(ctx: Any, response: Any, case: Any) -> None:
    """No answer is large; how long each took is looked at later, as the machine may be busy."""
    body = response.request.body or b""
    body = body.encode() if isinstance(body, str) else body
    headers = {name: str(value) for name, value in response.request.headers.items()}
    kept = ("Content-Type", "Authorization", "Cookie", "Sec-Fetch-Site")
    sent = Sent(
        str(response.request.method),
        str(response.request.url),
        {name: headers[name] for name in kept if name in headers},
        base64.b64encode(body).decode() if response.elapsed > MOST_SECONDS else "",
        response.elapsed,
        response.status_code,
        headers.get(ROLE, ""),
    )
    with Path(os.environ[SENT]).open("a") as file:
        file.write(json.dumps(vars(sent)) + "\n")
    assert response.content_size <= MOST_BYTES, f"{response.content_size} bytes"


@schemathesis.check
def asked_again(ctx: Any, response: Any, case: Any) -> None:
    """HEAD is GET without a body, and who has the answer is not sent it again."""
    route = case.operation.label
    request = response.request
    if request.method != "GET" or response.status_code != 200 or route == "GET /api/changes":
        return
    _asked[route] += 1
    if _asked[route] > _AGAIN:
        return
    headers = {name: str(value) for name, value in request.headers.items()}
    head = _client.head(request.url, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == response.headers["content-type"][0]
    for etag in response.headers.get("etag", ()):
        known = {**headers, "If-None-Match": etag}
        again = _client.get(request.url, headers=known)
        if again.status_code == 304:
            assert (again.headers["etag"], again.content) == (etag, b"")
        else:
            assert again.status_code == 200
            assert again.headers["etag"] != etag
