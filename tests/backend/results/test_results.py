"""A finished experiment through the API: its tables, files, report and changes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from tests.backend.conftest import Process
from tests.backend.results.drawn import csv


def test_a_table_leaves_as_csv_parquet_and_json_with_the_same_numbers(server: Process) -> None:
    table = csv(server, "curves", rates="all")
    params = {"of": "e1", "rates": "all"}
    packed = server.http.get("/api/figures/curves", params={**params, "format": "parquet"})
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed.content)), table)
    shown = server.http.get("/api/figures/curves", params={**params, "format": "records"}).json()
    rows = pd.DataFrame(shown["data"], columns=shown["columns"])
    pd.testing.assert_frame_equal(rows, table, check_dtype=False)


def test_the_table_of_runs_says_what_was_asked_of_each_and_what_differs(server: Process) -> None:
    found = server.get("/api/runs?of=e1")
    columns = {column["name"]: column for column in found["columns"]}
    assert {name for name, column in columns.items() if column["differs"]} >= {
        "run_id", "learning_rate", "seed", "method", "eval_loss", "method.params.scale",
    }  # fmt: skip
    assert not columns["training.steps"]["differs"]
    assert columns["training.steps"]["label"] == "Steps"
    by_id = {run["id"]: run for run in server.runs(1)}
    assert len(found["rows"]) == len(by_id)
    for row in found["rows"]:
        run = by_id[row["run_id"]]
        assert row["eval_loss"] == run["summary"]["eval_loss"]
        assert row["learning_rate"] == run["learning_rate"]
        assert row["training.steps"] == 4
    file = server.http.get("/api/runs/file", params={"of": "e1", "format": "parquet"})
    table = pd.read_parquet(io.BytesIO(file.content))
    assert list(table["run_id"]) == list(by_id)
    assert list(table.columns) == list(columns)


def test_the_adapter_downloads_as_plain_peft_reads_it(server: Process) -> None:
    run = server.runs(1)[0]["id"]
    answer = server.http.get(f"/api/runs/{run}/adapter.zip")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert set(archive.namelist()) == {"adapter_config.json", "adapter_model.safetensors"}
        config = json.loads(archive.read("adapter_config.json"))
    assert config["init_lora_weights"] is True
    assert config["peft_type"] == "LORA"


def test_the_report_holds_the_stored_numbers_and_loads_nothing_from_elsewhere(
    server: Process, tmp_path: Path
) -> None:
    answer = server.http.get("/api/experiments/1/report.html")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    text = answer.text
    overview = server.get("/api/overview?of=e1")
    assert overview["verdict"].replace("'", "&#39;") in text
    for row in overview["rows"]:
        assert f"{row['values']['eval_loss']['mean']:.4g}" in text
    assert text.count("Plotly.newPlot(") >= 8
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']http""", text)
    output = tmp_path / "out.html"
    command = [sys.executable, "-m", "backend.cli", "report", "1", "--output", str(output)]
    stored = {**os.environ, "LORAONE_DATABASE_URL": server.database_url}
    subprocess.run(command, check=True, capture_output=True, env=stored)
    assert overview["verdict"].replace("'", "&#39;") in output.read_text()
    missing = subprocess.run(
        [*command[:4], "77"],
        capture_output=True,
        text=True,
        check=False,
        env=stored,
    )
    assert missing.returncode == 2
    assert "no experiment 77" in missing.stderr


def test_the_record_of_a_run_repeats_it(server: Process) -> None:
    run = server.get(f"/api/runs/{server.runs(1)[0]['id']}")
    environment = run["environment"]
    for key in ("packages", "device", "data_fingerprint", "gradient_key", "git_commit", "python"):
        assert key in environment
    assert run["spec"]["seed"] == run["seed"]


def follow(server: Process, count: int, **request: Any) -> list[tuple[int, str]]:
    """The first ``count`` events of the feed as (id, kind)."""
    found: list[tuple[int, str]] = []
    with httpx.stream("GET", f"{server.url}/api/changes", timeout=20, **request) as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            if line.startswith("id: "):
                found.append((int(line[4:]), kind))
            if len(found) == count:
                break
    return found


def test_a_browser_that_comes_back_misses_nothing_and_gets_nothing_twice(server: Process) -> None:
    everything = follow(server, 30, params={"after": 0})
    assert [key for key, _ in everything] == list(range(1, 31))
    again = follow(server, 10, headers={"Last-Event-ID": str(everything[19][0])})
    assert again == everything[20:30]
    of_one = follow(server, 3, params={"after": 0, "experiment": 1})
    assert of_one[0][1] == "status"
