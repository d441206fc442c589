"""What tests share: a spec that runs in a second, and tiny models of several architectures."""

from __future__ import annotations

import os
import shutil

# No test may reach for the hub, and every process computes on one thread.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from tests.postgres import Postgres
from tests.ray_nodes import RayNodes
from tests.sampling import SEED, WHOLE, sample, some_cases, some_tests

# Deadlines would fail a slow machine, not a wrong program; and examples that nobody has seen before
# fail whoever comes along: ``make fuzz`` draws them.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("drawing", deadline=None, derandomize=False)
settings.load_profile("steady")

WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "runs",
    "sits",
    "eats",
    "sees",
    "red",
    "blue",
    "big",
    "small",
    "house",
    "tree",
    "and",
    "or",
    "in",
    "on",
]


# What a case asks of the database the others of the same test ask too.
CASES_ON_POSTGRESQL = 2
# All of them have passed on SQLite.
SHARE_ON_POSTGRESQL = 0.5
# Each begins a server, and a process that imports all that computes.
TESTS_ON_RAY = 3


def pytest_report_header() -> str:
    """Which cases are tried of those that are many."""
    return "all cases" if WHOLE else f"a sample of cases: LORAONE_SAMPLE_SEED={SEED}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--postgresql``: all is stored there, not in SQLite; ``--ray``: runs are on a node."""
    parser.addoption("--postgresql", action="store_true", help="test on PostgreSQL")
    parser.addoption("--ray", action="store_true", help="test on a Ray cluster of one node")


@pytest.hookimpl(trylast=True)  # of what was chosen by a word
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks for no database, or is about SQLite's own, has nothing to say about PostgreSQL. Of
    many cases of one test some are tried."""
    if config.getoption("postgresql"):
        kept = [item for item in items if _says_something_of_postgresql(item)]
        kept = some_cases(some_tests(kept), CASES_ON_POSTGRESQL)
        kept = sample(kept, round(len(kept) * SHARE_ON_POSTGRESQL))
    elif config.getoption("ray"):
        kept = sample(items, TESTS_ON_RAY)
    else:
        kept = some_cases(some_tests(items))
    chosen = {*kept}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _says_something_of_postgresql(item: pytest.Item) -> bool:
    asks = "empty_url" in getattr(item, "fixturenames", ())
    return asks and item.get_closest_marker("sqlite") is None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test session."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def ray_node() -> Iterator[RayNodes]:
    """A Ray cluster with one lane, for the tests that are the same on local lanes."""
    nodes = RayNodes(nodes=1)
    yield nodes
    nodes.remove()


DatabaseUrl = Callable[[Path], str]


@pytest.fixture(scope="session")
def empty_url(request: pytest.FixtureRequest) -> DatabaseUrl:
    """The URL of the database that belongs to a folder; the same one for the same folder. Nothing
    is in it, not even a schema."""
    known: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if not request.config.getoption("postgresql"):
            folder.mkdir(parents=True, exist_ok=True)
            return f"sqlite:///{folder / 'loraone.db'}"
        if folder not in known:
            known[folder] = request.getfixturevalue("postgres").new_database()
        return known[folder]

    return url


@pytest.fixture(scope="session")
def database_url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_url: DatabaseUrl,
) -> DatabaseUrl:
    """As :func:`empty_url`, with the schema of today: copied, as migrating a database for each of
    some thousand tests takes minutes."""
    from backend.storage.database import Database

    folder = tmp_path_factory.mktemp("schema")
    made = Database(empty_url(folder))
    made.migrate()
    made.close()
    known: dict[Path, str] = {}

    def url(folder_of_it: Path) -> str:
        if folder_of_it not in known:
            if request.config.getoption("postgresql"):
                postgres: Postgres = request.getfixturevalue("postgres")
                known[folder_of_it] = postgres.new_database(like=made.url)
            else:
                known[folder_of_it] = empty_url(folder_of_it)
                shutil.copy(folder / "loraone.db", folder_of_it / "loraone.db")
        return known[folder_of_it]

    return url


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of tiny models with random weights, each with a tokenizer, by architecture."""
    return _models(tmp_path_factory, 16, 24)


@pytest.fixture(scope="session")
def wide_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same, of layers that are whole blocks of 64 numbers wide."""
    return _models(tmp_path_factory, 64, 128)


def _models(tmp_path_factory: pytest.TempPathFactory, width: int, inner: int) -> dict[str, Path]:
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", "</s>", *WORDS])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )
    size = len(vocabulary)
    configs: dict[str, Any] = {
        "gpt2": transformers.GPT2Config(
            vocab_size=size,
            n_embd=width,
            n_layer=2,
            n_head=2,
            n_positions=64,
            bos_token_id=2,
            eos_token_id=2,
        ),
        "llama": transformers.LlamaConfig(
            vocab_size=size,
            hidden_size=width,
            intermediate_size=inner,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
        ),
        "bert": transformers.BertConfig(
            vocab_size=size,
            hidden_size=width,
            intermediate_size=inner,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=64,
        ),
    }
    configs["t5"] = transformers.T5Config(
        vocab_size=size,
        d_model=width,
        d_kv=width // 2,
        d_ff=inner,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
    )
    classes = {
        "bert": transformers.BertForSequenceClassification,
        "t5": transformers.T5ForConditionalGeneration,
    }
    folders = {}
    for name, config in configs.items():
        folder = tmp_path_factory.mktemp(name)
        torch.manual_seed(0)
        kind = classes.get(name, transformers.AutoModelForCausalLM)
        model = kind(config) if name in classes else kind.from_config(config)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        folders[name] = folder
    return folders


@pytest.fixture(scope="session")
def texts_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV whose label says which animal its text is about."""
    import random

    draw = random.Random(0)
    lines = ["text,label"]
    for i in range(160):
        animal = ("cat", "dog")[i % 2]
        words = [draw.choice(WORDS) for _ in range(draw.randint(3, 9))]
        lines.append(f"{' '.join([*words, animal])},{animal}")
    file = tmp_path_factory.mktemp("texts") / "animals.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


TASK_OF = {"bert": "sequence-classification", "t5": "seq2seq-lm"}


def tiny_experiment(folder: Path, data: Path, **changes: Any) -> dict[str, Any]:
    """An experiment on a tiny model whose runs take well under a second."""
    base: dict[str, Any] = {
        "name": "tiny",
        "task": next((task for name, task in TASK_OF.items() if name in folder.name), "causal-lm"),
        "model": {"id": str(folder)},
        "data": {"source": str(data), "max_length": 16, "train_samples": 64, "eval_samples": 16},
        "gradient": {"samples": 16, "micro_batch": 8},
        "measure": {"held_out_samples": 8, "alignment_every": 2},
        "training": {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2},
        "methods": ["lora"],
        "grid": {"ranks": [4], "learning_rates": [0.01]},
    }
    return {**base, **changes}


def tiny_run(folder: Path, data: Path, method: Any = "lora", **changes: Any) -> RunSpec:
    """The first run of a tiny experiment with one method."""
    spec = tiny_experiment(folder, data, methods=[method], **changes)
    return expand(ExperimentSpec.model_validate(spec))[0]


# The benchmark would take a core from what is tested; tests of the estimates turn it on.
os.environ["LORAONE_BENCHMARK_DEVICE"] = "false"
# So would a reader of every server; tests of readers, and of browsers, turn it on.
os.environ["LORAONE_READERS"] = "0"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test writes into the user's data folder."""
    monkeypatch.setenv("LORAONE_HOME", str(tmp_path / "home"))
    yield
