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
import random
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

HERE = Path(__file__).resolve().parent
# Starts compared, some that failed, a teacher, some that wait or were cancelled: see fill().
EXPORTED = (1, 2, 4, 6)
FINAL = {"succeeded", "failed", "cancelled"}
WORDS = [
    *("the", "a", "cat", "dog", "runs", "sits", "eats", "sees", "red", "blue"),
    *("big", "small", "house", "tree", "and", "or", "in", "on"),
]


def models_and_data() -> None:
    """Tiny models with random weights, and texts whose label is the animal they are about."""
    draw = random.Random(0)
    lines = ["text,label"]
    for i in range(120):
        animal = ("cat", "dog")[i % 2]
        words = [draw.choice(WORDS) for _ in range(draw.randint(3, 9))]
        lines.append(f"{' '.join([*words, animal])},{animal}")
    (HERE / "data").mkdir(exist_ok=True)
    (HERE / "data" / "animals.csv").write_text("\n".join(lines) + "\n")
    if (HERE / "models").is_dir():
        return
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", "</s>", *WORDS])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )
    sizes = {
        "vocab_size": len(vocabulary),
        "hidden_size": 16,
        "intermediate_size": 24,
        "max_position_embeddings": 64,
    }
    bert = transformers.BertConfig(num_hidden_layers=1, num_attention_heads=2, **sizes)
    llama = transformers.LlamaConfig(
        num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, **sizes
    )
    torch.manual_seed(0)
    made = {
        "tiny-bert": transformers.BertForSequenceClassification(bert),
        "tiny-llama": transformers.LlamaForCausalLM(llama),
    }
    for name, model in made.items():
        model.save_pretrained(HERE / "models" / name)
        tokenizer.save_pretrained(HERE / "models" / name)


def known(methods: list[Any]) -> list[Any]:
    """Those of the methods that the commit has; without their own optimiser where it has none."""
    from loraone.specs import MethodSpec

    from loraone.catalog import METHODS

    named = [m if isinstance(m, dict) else {"name": m} for m in methods]
    fields = set(MethodSpec.model_fields)
    kept = [m for m in named if m["name"] in METHODS and set(m) <= fields]
    return [m["name"] if set(m) == {"name"} else m for m in kept]


def section(name: str, **values: Any) -> dict[str, Any]:
    """A section of a spec, with those of its fields that the commit has."""
    from loraone.specs import ExperimentSpec

    fields = type(getattr(ExperimentSpec(), name)).model_fields
    return {key: value for key, value in values.items() if key in fields}


def experiments() -> dict[str, dict[str, Any]]:
    """The experiments that are run to their end, by a short name, as a user writes them."""
    from loraone.specs import ExperimentSpec

    tiny: dict[str, Any] = {
        "data": {
            "source": "data/animals.csv",
            "max_length": 16,
            "train_samples": 64,
            "eval_samples": 16,
        },
        "gradient": {"samples": 16, "micro_batch": 8},
        "training": {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2},
    }
    quick = {"held_out_samples": 8, "alignment_every": 2}
    own_gamma = {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}}
    found = {
        "animals": {
            "name": "Animals: where to start",
            "description": "Which start learns cats from dogs?\nTwo rates, two seeds.",
            "task": "sequence-classification",
            "model": {"id": "models/tiny-bert", "targets": ["query", "intermediate.dense"]},
            **tiny,
            "measure": section(
                "measure", **quick, intruders=True, hessian=True, hessian_samples=8,
                save_adapter=False,
            ),
            "methods": known(
                [
                    "lora",
                    own_gamma,
                    {"name": "pissa", "learning_rates": [0.003]},
                    {"name": "full", "learning_rates": [0.001, 0.003]},
                    {"name": "lora_ga_paper", "params": {"gamma": 8}, "learning_rates": [0.003]},
                    {"name": "eva", "learning_rates": [0.003]},
                    {"name": "lora", "optimizer": "loraplus", "learning_rates": [0.003]},
                ]
            ),
            "grid": {"ranks": [4], "learning_rates": [0.003, 0.01], "seeds": [0, 1]},
        },
        "words": {
            "name": "Next words, one rank too many",
            "task": "causal-lm",
            "model": {"id": "models/tiny-llama", "targets": ["q_proj", "v_proj"]},
            **tiny,
            "adapter": {"alpha": 8, "rslora": False, "dropout": 0.1},
            "measure": section("measure", **quick),
            "methods": known(["lora", {"name": "lora_one", "params": {"gamma": 64}}]),
            "grid": {"ranks": [2, 9], "learning_rates": [0.01], "seeds": [0, 1]},
        },
        "minilm": {
            "name": "MiniLM, one layer",
            "description": "The built-in model and texts.",
            "model": {"targets": ["layer.0.attention.self.query"]},
            "data": {"max_length": 16, "train_samples": 64, "eval_samples": 32},
            "gradient": {"samples": 16, "head_warmup_steps": 2},
            "training": {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2},
            "measure": section(
                "measure", held_out_samples=16, alignment_every=4, save_adapter=False
            ),
            "methods": known(["lora", own_gamma]),
            "grid": {"ranks": [4], "learning_rates": [0.001, 0.004], "seeds": [0]},
        },
    }  # fmt: skip
    if "problem" in ExperimentSpec.model_fields:
        found["teacher"] = {
            "name": "A teacher of two ranks",
            "task": "teacher-student",
            "problem": {"inputs": 16, "outputs": 12, "samples": 128, "true_rank": 2},
            "sweep": {"parameter": "condition", "values": [1, 10]},
            "training": {
                "optimizer": "sgd", "steps": 20, "warmup_steps": 0, "schedule": "constant",
                "max_grad_norm": 1e6, "eval_every": 5,
            },
            "measure": {"alignment_every": 5, "save_adapter": False},
            "methods": [
                "lora",
                {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1}},
                {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1},
                 "optimizer": "riemannian-sgd"},
            ],
            "grid": {"ranks": [2], "learning_rates": [0.3], "seeds": [0, 1]},
        }  # fmt: skip
    return found


def changed(base: dict[str, Any], name: str, **training: Any) -> dict[str, Any]:
    """The same experiment under another name with another training, and few runs."""
    few = {
        "methods": base["methods"][:2],
        "grid": {"ranks": [2], "learning_rates": [0.01], "seeds": [0, 1]},
        "training": base["training"] | training,
    }
    return base | few | {"name": name}


class Server:
    """The commit's server in a process of its own, as a user starts it."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loraone.cli", "serve", "--port", "0", "--home", str(home)],
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
    from backend.app import create_app
    from fastapi.testclient import TestClient

    from backend.settings import Settings

    app = create_app(Settings(home=home))
    yield TestClient(app, base_url="http://127.0.0.1:8111/api")
    app.state.database.close()


def json_of(answer: httpx.Response) -> Any:
    """What was answered; an error where it is one."""
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


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


def has(api: httpx.Client, path: str) -> bool:
    """Whether the commit has this route."""
    return path in json_of(api.get("/openapi.json"))["paths"]


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


def write_specs(folder: Path) -> None:
    """Specs in files, as a user writes them and as the commit writes them."""
    from loraone.presets import PRESETS
    from loraone.specs import ExperimentSpec

    try:
        from loraone.recipes import as_yaml
    except ImportError:
        # The commit writes no YAML yet: every field of the spec, as it stores and answers them.
        def as_yaml(spec: ExperimentSpec) -> str:
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


def commit(checkout: Path) -> str:
    """The commit that is checked out."""
    told = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, check=True
    )
    return told.stdout.decode().strip()


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
    command = [sys.executable, "-m", "loraone.cli", "backup", "--home", str(home)]
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


def rich_specs() -> list[dict[str, Any]]:
    """Experiments that set what the commit has: every method, then every section's fields."""
    from loraone.specs import ExperimentSpec

    from loraone.catalog import METHODS

    own = {
        "lora_one": {"scale": "gradient", "gamma": "auto"},
        "random_matched": {"scale": "squared", "gamma": 64},
        "lora_ga": {"gamma": 8},
        "eva": {"rho": 1.5, "tau": 0.9},
        "corda": {"mode": "kpm"},
        "loftq": {"iterations": 1},
        "lora_sb": {"eta": 0.001},
    }
    every = [{"name": name, "params": own.get(name, {})} for name in METHODS]
    specs: list[dict[str, Any]] = [
        {
            "name": "Every method",
            "description": "With γ, and what else each leaves open.",
            "task": "causal-lm",
            "model": {"id": "models/tiny-llama", "dtype": "bfloat16"},
            "data": {"source": "data/animals.csv", "text_column": "text", "split_seed": 3},
            "methods": [*every, {"name": "lora_one", "params": {"scale": "spectral"}}],
            "grid": {"ranks": [4, 8], "learning_rates": [0.0005, 0.002], "seeds": [0, 1]},
        },
        {
            "name": "Every section",
            "model": {"id": "org/name@main", "dtype": "float16", "targets": ["query", "value"]},
            "data": {"source": "org/texts", "label_column": "stars", "max_length": 128},
            "gradient": section(
                "gradient", samples=32, micro_batch=32, way="immediate", checkpointing=True,
                head_warmup_steps=5, head_learning_rate=0.01,
            ),
            "adapter": section("adapter", alpha=32, rslora=False, dora=True, dropout=0.05),
            "training": section(
                "training", optimizer="riemannian", loraplus_ratio=8, riemannian_damping=0.001,
                steps=100, batch_size=4, warmup_steps=10, schedule="cosine", weight_decay=0.01,
                max_grad_norm=0.5, eval_every=50,
            ),
            "measure": section(
                "measure", alignment_every=10, held_out_samples=32, gradient_trust=False,
                intruders=True, intruder_top=5, intruder_epsilon=0.5, hessian=True,
                hessian_samples=8, save_adapter=False,
            ),
            "methods": known(
                [{"name": "lora", "learning_rates": [0.001]},
                 {"name": "lora_one", "optimizer": "loraplus"}]
            ),
            "grid": {"ranks": [4], "learning_rates": [0.0001], "seeds": [7]},
        },
    ]  # fmt: skip
    if "problem" in ExperimentSpec.model_fields:
        theory = experiments()["teacher"]
        problem = theory["problem"] | {
            "hidden": 14, "condition": 10, "spectrum": "cliff", "activation": "two-layer",
            "noise": 0.1, "init_std": 0.01, "scaling": 2, "dtype": "float32",
        }  # fmt: skip
        sweep = {"parameter": "noise", "values": [0, 0.1]}
        specs.append(theory | {"problem": problem, "sweep": sweep})
    return specs


def write_spec(checkout: Path, name: str) -> None:
    """Rich specs, each with one of its runs, as the commit stores them."""
    from loraone.specs import ExperimentSpec, expand

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
        "LORAONE_CALIBRATE": "false",
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
