"""What of the API changes something, and what the audit trail says of it then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from backend.notifying import channels
from backend.people import registry
from backend.storage.store import lanes
from backend.storage.tables import ArtifactRow, Run
from backend.web.app import PARTS
from tests.backend.people.accounts import PASSWORD

ROOT = "person 1 (root)"
SPEC = {"task": "teacher-student", "methods": ["lora"]}
# They compute, and store nothing.
CHANGES_NOTHING = {
    "POST /plan",
    "POST /markdown",
    "POST /tables/parquet",
    "POST /theory",
    "POST /theory/warm",
    "POST /invitations/look",
}
# What one has read and wants to be told concerns nobody else.
OF_ONES_OWN_READING = {"POST /notices/read", "PUT /notices/kinds"}
SHARE = {"of": ["e1"], "view": "/experiments/1"}
NEW = "quince-lantern-brook"


def end_run(app: FastAPI) -> None:
    """A run that can be retried."""
    with app.state.database.write() as session:
        session.get_one(Run, 1).status = "cancelled"


def invited(client: TestClient) -> str:
    """The secret of an invitation."""
    return str(client.post("/api/people/invite", json={}).json()["link"].partition("#")[2])


Prepare = Callable[[FastAPI, TestClient], Any]


def launched(app: FastAPI, client: TestClient) -> None:
    """Experiment 1 with run 1."""
    assert client.post("/api/experiments", json=SPEC).status_code == 201


def commented(app: FastAPI, client: TestClient) -> None:
    """The same, and comment 1 on it."""
    launched(app, client)
    comment = client.post("/api/experiments/1/comments", json={"text": "seen"})
    assert comment.status_code == 201


def channel(app: FastAPI, client: TestClient) -> None:
    """Notice channel 1, where nobody listens."""
    with app.state.database.write() as session:
        address = "json://127.0.0.1:9/private"
        channels.add(session, app.state.sender, 1, "private words", [], address, "json://…")


def ended(app: FastAPI, client: TestClient) -> None:
    """The same, and run 1 has ended."""
    launched(app, client)
    end_run(app)


def with_adapter(app: FastAPI, client: TestClient) -> None:
    """The same, and run 1 has an adapter."""
    ended(app, client)
    with app.state.database.write() as session:
        row = {"name": "adapter", "path": "1/1/adapter", "bytes": 3, "max_error": 0.0}
        session.add(ArtifactRow(run_id=1, verified=True, **row))


def in_bin(app: FastAPI, client: TestClient) -> Any:
    """Experiment 1 is in the bin."""
    ended(app, client)
    return {"deletions": client.delete("/api/experiments/1").json()["deletions"]}


def imported(app: FastAPI, client: TestClient) -> Any:
    """What another server exported."""
    ended(app, client)
    return client.get("/api/experiments/1/export.json").json()


def lane(app: FastAPI, client: TestClient) -> None:
    """A lane."""
    with app.state.database.write() as session:
        lanes.present(session, ["cpu"])


def named(app: FastAPI, client: TestClient) -> Any:
    """A name without an account."""
    with app.state.database.write() as session:
        return {"person": registry.named(session, "lab").id}


# What is asked, after what, and what the trail says then.
CHANGES: dict[str, tuple[str, Prepare | None, Any, str, str]] = {
    "PUT /me/name": ("me/name", None, {"name": "Root"}, "person renamed", ROOT),
    "POST /experiments": ("experiments", None, SPEC, "launched", "experiment 1"),
    "POST /experiments/import": ("experiments/import", imported, None, "imported", "experiment 2"),
    "PATCH /experiments/{experiment_id}": (
        "experiments/1",
        launched,
        {"name": "private words"},
        "changed",
        "experiment 1",
    ),
    "POST /experiments/bulk": (
        "experiments/bulk",
        launched,
        {"ids": [1, 7], "starred": True},
        "changed",
        "experiment 1",
    ),
    "POST /experiments/{experiment_id}/notes": (
        "experiments/1/notes",
        launched,
        {"text": "private words", "base": 0},
        "note written",
        "experiment 1",
    ),
    "POST /experiments/{experiment_id}/comments": (
        "experiments/1/comments",
        launched,
        {"text": "private words"},
        "commented",
        "comment 1",
    ),
    "PATCH /comments/{comment_id}": (
        "comments/1",
        commented,
        {"text": "private words"},
        "comment changed",
        "comment 1",
    ),
    "DELETE /comments/{comment_id}": (
        "comments/1",
        commented,
        None,
        "comment deleted",
        "comment 1",
    ),
    "DELETE /experiments/{experiment_id}": (
        "experiments/1",
        launched,
        None,
        "deleted",
        "experiment 1",
    ),
    "POST /experiments/bulk-delete": (
        "experiments/bulk-delete",
        launched,
        {"ids": [1, 7]},
        "deleted",
        "experiment 1",
    ),
    "DELETE /runs/{run_id}": ("runs/1", launched, None, "deleted", "run 1"),
    "POST /runs/delete": ("runs/delete?of=e1", launched, None, "deleted", "run 1"),
    "DELETE /runs/{run_id}/adapter": (
        "runs/1/adapter",
        with_adapter,
        None,
        "deleted",
        "adapter of run 1",
    ),
    "POST /bin/restore": ("bin/restore", in_bin, None, "restored", "experiment 1"),
    "DELETE /bin": ("bin", in_bin, None, "removed for good", "experiment 1"),
    "POST /storage/free": (
        "storage/free",
        with_adapter,
        {"ids": [1, 7], "now": True},
        "removed for good",
        "adapters of experiment 1",
    ),
    "POST /views": ("views", None, {"name": "mine", "query": ""}, "view saved", "view 1"),
    "DELETE /views/{view_id}": (
        "views/1",
        lambda app, client: client.post("/api/views", json={"name": "mine", "query": ""}),
        None,
        "view deleted",
        "view 1",
    ),
    "POST /lanes/{name}": ("lanes/cpu?mode=paused", lane, None, "lane set", "lane cpu"),
    "POST /runs/cancel": ("runs/cancel?of=e1", launched, None, "cancelled", "experiment 1"),
    "POST /runs/retry": ("runs/retry?of=e1", ended, None, "retried", "experiment 1"),
    "POST /runs/priority": (
        "runs/priority?of=e1&priority=5",
        launched,
        None,
        "moved",
        "experiment 1",
    ),
    "POST /runs/{run_id}/cancel": ("runs/1/cancel", launched, None, "cancelled", "run 1"),
    "POST /runs/{run_id}/retry": ("runs/1/retry", ended, None, "retried", "run 1"),
    "POST /runs/{run_id}/top": ("runs/1/top", launched, None, "moved", "run 1"),
    "POST /sign-in": ("sign-in", None, {"name": "root", "password": PASSWORD}, "sign-in", ""),
    "POST /sign-out": ("sign-out", None, None, "sign-out", ""),
    "POST /sign-out-everywhere": ("sign-out-everywhere", None, None, "sign-out everywhere", ""),
    "DELETE /me/sign-ins/{sign_in_id}": ("me/sign-ins/1", None, None, "sign-out", "sign-in 1"),
    "POST /me/password": (
        "me/password",
        None,
        {"current": PASSWORD, "new": NEW},
        "password changed",
        "",
    ),
    "POST /invitations/accept": (
        "invitations/accept",
        lambda app, client: {"secret": invited(client), "name": "ana", "password": NEW},
        None,
        "account made",
        "person 2 (ana)",
    ),
    "DELETE /invitations/{invitation_id}": (
        "invitations/1",
        lambda app, client: invited(client) and None,
        None,
        "link withdrawn",
        "invitation 1",
    ),
    "POST /people/invite": ("people/invite", None, {}, "link made", "invitation 1"),
    "POST /people/{person_id}/reset": ("people/1/reset", None, None, "link made", ROOT),
    "PATCH /people/{person_id}": (
        "people/1",
        None,
        {"name": "Root"},
        "person renamed",
        ROOT,
    ),
    "POST /people/{person_id}/claim": (
        "people/1/claim",
        named,
        None,
        "person claimed",
        ROOT,
    ),
    "POST /shares": (
        "shares",
        launched,
        SHARE,
        "share link made",
        "share link 1",
    ),
    "DELETE /shares/{share_id}": (
        "shares/1",
        lambda app, client: (launched(app, client), client.post("/api/shares", json=SHARE)),
        None,
        "share link ended",
        "share link 1",
    ),
    "POST /tokens": ("tokens", None, {"name": "t"}, "token made", "token 1"),
    "DELETE /tokens/{token_id}": (
        "tokens/1",
        lambda app, client: client.post("/api/tokens", json={"name": "t"}) and None,
        None,
        "token deleted",
        "token 1",
    ),
    "POST /notices/channels": (
        "notices/channels",
        None,
        {"label": "private words", "kinds": [], "address": "ntfy://private-topic"},
        "notice channel added",
        "notice channel 1",
    ),
    **{
        f"{method} /notices/channels/{{channel_id}}{more}": (
            f"notices/channels/1{more}",
            channel,
            body,
            f"notice channel {done}",
            "notice channel 1",
        )
        for method, more, body, done in (
            ("PATCH", "", {"label": "private words"}, "changed"),
            ("DELETE", "", None, "deleted"),
            ("POST", "/test", None, "tested"),
        )
    },
}
CHANGING = {
    f"{method} {route.path}"
    for part in PARTS
    for route in part.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
    if method != "GET"
}
