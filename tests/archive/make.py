"""Writes the archive: what an earlier commit of this project stored, by that commit's own code.

    python tests/archive/make.py CHECKOUT                 # schema-000N: database, exports, specs, …
    python tests/archive/make.py CHECKOUT --spec 03-dora  # specs/03-dora.json alone

``CHECKOUT`` is a work tree of the old commit (``git worktree add --detach``). Everything runs in
this folder, so that what is stored names ``models/tiny-bert`` and ``data/animals.csv``, and no
path of the machine. What a commit cannot do yet is left out: the script asks its code.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from answers import commit, has, json_of, numbers
from asked import (
    HERE,
    changed,
    experiments,
    models_and_data,
    module,
    rich_specs,
    spec_module,
)

# Starts compared, some that failed, a teacher, some that wait or were cancelled: see fill().
EXPORTED = (1, 2, 4, 6)


FINAL = {"succeeded", "failed", "cancelled"}


class Server:
    """The commit's server in a process of its own, as a user starts it."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", command_line(), "serve", "--port", "0", "--home", str(home)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        address = re.search(r"http://[\w.:]+", said)
        assert address, said
        self.http = httpx.Client(base_url=f"{address[0]}/api", timeout=60)

    def launch(self, spec: dict[str, Any]) -> int:
        """Queue an experiment; its id."""
        return int(json_of(self.http.post("/experiments", json=spec))["id"])

    def runs(self, key: int) -> list[dict[str, Any]]:
        """The experiment's runs."""
        return list(json_of(self.http.get(f"/experiments/{key}"))["runs"])

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds."""
        end = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)

    def settle(self, key: int) -> None:
        """Until all of its runs have ended."""
        self.wait(lambda: all(run["status"] in FINAL for run in self.runs(key)))

    def stop(self) -> None:
        """As Ctrl+C does."""
        self.process.terminate()
        self.process.wait(timeout=60)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """A server that is stopped at the end."""
    server = Server(home)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def no_lanes(home: Path) -> Iterator[httpx.Client]:
    """The commit's API in this process without a scheduler: what is launched stays queued."""
    from fastapi.testclient import TestClient

    from backend.settings import Settings

    app = module("backend.web.app", "backend.app").create_app(Settings(home=home))
    yield TestClient(app, base_url="http://127.0.0.1:8111/api")
    app.state.database.close()


def command_line() -> str:
    """The module of the commit's command line."""
    return str(module("backend.cli", "loraone.cli").__name__)


def fill(home: Path) -> None:
    """Run, cancel and queue experiments; and, where it can be done, tag, star, note and save."""
    specs = experiments()
    with serving(home) as server:
        for spec in specs.values():
            server.settle(server.launch(spec))
        long = server.launch(changed(specs["words"], "Stopped on the way", steps=20_000))
        server.wait(lambda: server.runs(long)[0]["phase"] == "train")
        server.wait(lambda: server.runs(long)[0]["done"] > 3)
        cancel_all(server.http, long)
        server.settle(long)
    with no_lanes(home) as api:
        launched = json_of(api.post("/experiments", json=changed(specs["animals"], "Waiting")))
        last = json_of(api.get(f"/experiments/{launched['id']}"))["runs"][-1]["id"]
        json_of(api.post(f"/runs/{last}/cancel"))
        json_of(api.post(f"/runs/{last - 1}/top"))
        if has(api, "/api/views"):
            write_history(api, launched["id"], long)
        if has(api, "/api/runs/priority"):
            ahead = {"of": f"e{launched['id']}:LoRA", "priority": 3}
            json_of(api.post("/runs/priority", params=ahead))


def cancel_all(api: httpx.Client, key: int) -> None:
    """Cancel an experiment's runs, the running one with them."""
    if has(api, "/api/runs/cancel"):
        json_of(api.post("/runs/cancel", params={"of": f"e{key}"}))
    else:
        json_of(api.post(f"/experiments/{key}/cancel"))


def write_history(api: httpx.Client, waiting: int, cancelled: int) -> None:
    """Tags, a star, an archived experiment, two versions of notes, and two saved views."""
    json_of(api.patch("/experiments/1", json={"starred": True, "tags": ["animals", "week-3"]}))
    json_of(api.patch(f"/experiments/{cancelled}", json={"archived": True, "tags": ["animals"]}))
    json_of(api.patch(f"/experiments/{waiting}", json={"description": "For the night"}))
    texts = ("LoRA-One was *ahead*.", "LoRA-One was **ahead**, with two seeds only: γ = auto.")
    for base, text in enumerate(texts):
        json_of(api.post("/experiments/1/notes", json={"text": text, "base": base}))
    for name, query in (("Mine", "tag:animals"), ("LoRA-One", "method:lora_one lr>1e-3")):
        json_of(api.post("/views", json={"name": name, "query": query}))


def write_specs(folder: Path) -> None:
    """Specs in files, as a user writes them and as the commit writes them."""
    PRESETS = module("loraone.spec.presets", "loraone.presets").PRESETS
    ExperimentSpec = spec_module().ExperimentSpec
    try:
        as_yaml = module("loraone.spec.recipes", "loraone.recipes").as_yaml
    except ImportError:
        # The commit writes no YAML yet: every field of the spec, as it stores and answers them.
        def as_yaml(spec: Any) -> str:
            return dump(spec.model_dump(mode="json"))

    for name, body in experiments().items():
        (folder / f"{name}.by-hand.yaml").write_text(dump(body))
        (folder / f"{name}.yaml").write_text(as_yaml(ExperimentSpec.model_validate(body)))
    presets = dict(PRESETS)
    with contextlib.suppress(ImportError):
        from loraone.theory.presets import THEORY

        presets |= THEORY
    for name, preset in presets.items():
        (folder / f"preset-{name}.yaml").write_text(as_yaml(preset.spec))


def dump(body: dict[str, Any]) -> str:
    """YAML in the order of the fields."""
    return str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def write_json(file: Path, body: Any) -> None:
    """A line for each part."""
    lines = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in body.items()]
    file.write_text("{" + ",\n".join(lines) + "}\n")


def tidy(home: Path) -> None:
    """Without the kernel that this ran on, and most of what open pages were told long ago."""
    with closing(sqlite3.connect(home / "loraone.db")) as database, database:
        database.execute("DELETE FROM changes WHERE id < (SELECT max(id) FROM changes) - 50")
        database.execute(
            "UPDATE runs SET environment = json_set(environment, '$.platform', 'Linux-x86_64') "
            "WHERE json_type(environment, '$.platform') = 'text'"
        )


def as_one_file(home: Path, target: Path) -> None:
    """The database without its log, small."""
    with closing(sqlite3.connect(home / "loraone.db")) as source:
        source.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("PRAGMA page_size=1024")
        database.execute("VACUUM")


def write_backup(home: Path, target: Path) -> None:
    """A backup of one experiment, with its adapters and logs."""
    with serving(home) as server:
        server.settle(server.launch(experiments()["words"]))
    tidy(home)
    command = [sys.executable, "-m", command_line(), "backup", "--home", str(home)]
    subprocess.run([*command, "--output", str(target)], check=True)


def write_schema(checkout: Path) -> None:
    """All that is kept of a schema, made by the last commit that had it."""
    revisions = (checkout / "backend" / "migrations" / "versions").glob("0*.py")
    folder = HERE / f"schema-{max(path.name for path in revisions)[:4]}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        fill(home)
        tidy(home)
        with no_lanes(home) as api:
            write_json(folder / "numbers.json", numbers(api, checkout))
            if has(api, "/api/experiments/{experiment_id}/export.json"):
                for key in EXPORTED:
                    answer = api.get(f"/experiments/{key}/export.json")
                    (folder / f"experiment-{key}.json").write_bytes(answer.content)
        as_one_file(home, folder / "loraone.db")
        if (checkout / "backend" / "backups.py").exists():
            write_backup(Path(scratch) / "small", folder / "backup.tar")
    write_specs(folder)


def write_spec(checkout: Path, name: str) -> None:
    """Rich specs, each with one of its runs, as the commit stores them."""
    ExperimentSpec, expand = spec_module().ExperimentSpec, spec_module().expand

    found = []
    for body in rich_specs():
        spec = ExperimentSpec.model_validate(body)
        run = expand(spec)[-1]
        found.append(
            {"experiment": spec.model_dump(mode="json"), "run": run.model_dump(mode="json")}
        )
    (HERE / "specs").mkdir(exist_ok=True)
    write_json(HERE / "specs" / f"{name}.json", {"commit": commit(checkout), "specs": found})


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--spec", help="the name of a file in specs/: write that alone")
    given = parser.parse_args()
    checkout = given.checkout.resolve()
    os.chdir(HERE)
    os.environ |= {
        "PYTHONPATH": str(checkout),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "LORAONE_ALLOWED_ROOTS": ".",
        "LORAONE_CALIBRATE": "false",  # of later commits an alias
        "LORAONE_USER": "ada",
    }
    sys.path.insert(0, str(checkout))
    import loraone

    assert Path(loraone.__file__).is_relative_to(checkout), loraone.__file__
    models_and_data()
    if given.spec:
        write_spec(checkout, given.spec)
    else:
        write_schema(checkout)


if __name__ == "__main__":
    main()
