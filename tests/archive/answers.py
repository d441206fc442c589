"""What a commit's own server answers about the archive's experiments."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx


def json_of(answer: httpx.Response) -> Any:
    """What was answered; an error where it is one."""
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def has(api: httpx.Client, path: str) -> bool:
    """Whether the commit has this route."""
    return path in json_of(api.get("/openapi.json"))["paths"]


def numbers(api: httpx.Client, checkout: Path) -> dict[str, Any]:
    """What the commit's own API answers about the data."""

    def said(path: str, **query: Any) -> Any:
        return json_of(api.get(path, params=query))

    listed = said("/experiments", limit=200)["experiments"]
    shared = has(api, "/api/overview")
    details = {row["id"]: said(f"/experiments/{row['id']}") for row in listed}
    found: dict[str, Any] = {
        "commit": commit(checkout),
        "experiments": [only(row, LISTED) for row in listed],
        "runs": {key: [run_of(run) for run in one["runs"]] for key, one in details.items()},
        "layers": {key: names_of(one["layers"]) for key, one in details.items()},
        "overview": {},
    }
    for key in details:
        path, query = ("/overview", {"of": f"e{key}"}) if shared else (
            f"/experiments/{key}/overview", {}
        )  # fmt: skip
        for judge in [row["name"] for row in said(path, **query)["judges"]]:
            answer = said(path, **query, judge=judge)
            found["overview"][f"e{key} by {judge}"] = overview_of(answer)
    if shared:
        both = said("/overview", of=["e1", "e3"])
        found["overview"]["e1 e3 by eval_loss"] = overview_of(both)
        found["notes"] = [only(row, ("version", "text", "author")) for row in
                          said("/experiments/1/notes")]  # fmt: skip
        found["views"] = [only(row, ("name", "query")) for row in said("/views")]
        found["searches"] = {
            q: sorted(row["id"] for row in said("/experiments", q=q)["experiments"])
            for q in ("", "tag:animals", "minilm", "method:lora_one lr>1e-3", "is:archived")
        }
    return found


LISTED = ("id", "name", "description", "status", "counts", "methods", "task", "model", "data",
          "author", "starred", "archived", "tags", "best")  # fmt: skip


RUN = ("id", "method", "label", "rank", "learning_rate", "seed", "status", "attempt", "reason",
       "error", "notes", "has_adapter", "summary")  # fmt: skip


def only(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """These of its fields, where it has them."""
    return {name: row[name] for name in names if name in row}


def run_of(run: dict[str, Any]) -> dict[str, Any]:
    """A run without times and its place in the queue."""
    return only(run, RUN)


def names_of(layers: list[Any]) -> list[str]:
    """The layers' names in the model."""
    return [layer if isinstance(layer, str) else layer["name"] for layer in layers]


def overview_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The verdict and the rows behind it."""
    names = ("label", "method", "rank", "learning_rate", "finished", "runs", "values")
    rows = [only(row, names) for row in answer["rows"]]
    return {"verdict": answer["verdict"], "rows": rows}


def commit(checkout: Path) -> str:
    """The commit that is checked out."""
    told = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, check=True
    )
    return told.stdout.decode().strip()
