"""The documents say what is there: links, commands, code, variables and paths."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
import typer
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.cli.commands import app
from backend.settings import Settings
from backend.storage.tables import Run
from backend.web.app import create_app
from loraone.client import tokens
from loraone.spec.experiment import ExperimentSpec

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DEPLOYMENT = [ROOT / "docker-compose.yml", ROOT / "Dockerfile"]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r'\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"')
_ASSIGNMENT = re.compile(r"\w+=\S*")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def fences(document: Path, language: str) -> list[str]:
    return [code for name, code in _FENCE.findall(document.read_text()) if name == language]


def spans(document: Path) -> list[str]:
    return _SPAN.findall(_FENCE.sub("", document.read_text()))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_every_relative_link_and_image_exists(document: Path) -> None:
    for match in _LINK.findall(document.read_text()):
        target = match[0] or match[1]
        if "://" in target:
            continue
        path, _, anchor = unquote(target).partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def commands(document: Path) -> list[list[str]]:
    """The arguments of every ``loraone …`` in the document's shell blocks."""
    lines = [line for code in fences(document, "sh") for line in code.splitlines()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and _ASSIGNMENT.fullmatch(words[0]):
            words.pop(0)
        if words[:1] == ["loraone"]:
            found.append(words[1:])
    return found


def test_the_documents_have_what_is_checked_here() -> None:
    texts = [document.read_text() for document in DOCUMENTS]
    for language in ("sh", "python", "yaml"):
        assert any(fences(document, language) for document in DOCUMENTS), language
    assert any(commands(document) for document in DOCUMENTS)
    for word in ("`loraone plan", "`make ", "`backend/", "`loraone/", "LORAONE_"):
        assert any(word in text for text in texts), word
    assert any(_LINK.search(text) for text in texts)


@each_document
def test_every_command_line_parses(document: Path) -> None:
    group = typer.main.get_group(app)
    for words in commands(document):
        name, *rest = words
        assert name in group.commands, f"loraone {' '.join(words)}"
        group.commands[name].make_context(name, rest)  # parses, and runs nothing


def test_a_command_line_that_does_not_parse_would_be_noticed() -> None:
    plan = typer.main.get_group(app).commands["plan"]
    with pytest.raises(Exception, match="--nonsense"):
        plan.make_context("plan", ["experiment.yaml", "--nonsense"])


@each_document
def test_every_command_in_a_sentence_exists(document: Path) -> None:
    group = typer.main.get_group(app)
    for span in spans(document):
        if match := re.match(r"loraone (\w+)(.*)", span):
            name, rest = match.groups()
            assert name in group.commands, span
            options = {o for p in group.commands[name].params for o in (*p.opts, *p.secondary_opts)}
            assert {w for w in rest.split() if w.startswith("--")} <= options | {"--help"}, span
        if match := re.match(r"make (\w+)", span):
            assert re.search(rf"^{match[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), span


@each_document
def test_every_file_and_module_of_a_shell_block_exists(document: Path) -> None:
    for code in fences(document, "sh"):
        for line in code.splitlines():
            words = shlex.split(line, comments=True)
            for word in words:
                if re.match(r"(tests|docs|benchmarks|backend|loraone)/", word):
                    assert (ROOT / word).exists(), line
            if "-m" in words:
                import_module(words[words.index("-m") + 1])


@each_document
def test_every_import_of_a_python_snippet_resolves(document: Path) -> None:
    for code in fences(document, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    import_module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = import_module(str(node.module))
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        import_module(f"{node.module}.{alias.name}")


@each_document
def test_every_spec_is_valid(document: Path) -> None:
    for code in fences(document, "yaml"):
        ExperimentSpec.model_validate(yaml.safe_load(code))


@each_document
def test_every_path_and_module_in_a_sentence_exists(document: Path) -> None:
    for span in spans(document):
        if re.fullmatch(r"(loraone|backend|frontend|tests|benchmarks|docs)/[\w./-]*", span):
            assert (ROOT / span).exists(), span
        elif match := re.match(r"python -m ([\w.]+)", span):
            import_module(match[1])
        elif re.fullmatch(r"(loraone|backend|tests|benchmarks)(\.\w+)+", span):
            module = ROOT / span.replace(".", "/")
            room, _, name = span.rpartition(".")
            named = name[0].isupper() and hasattr(import_module(room), name)
            assert named or module.is_dir() or module.with_suffix(".py").is_file(), span


@pytest.mark.parametrize("file", [*DOCUMENTS, *DEPLOYMENT], ids=lambda path: path.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {f"LORAONE_{name.upper()}" for name in Settings.model_fields}
    of_client = {tokens.SERVER, tokens.TOKEN}
    assert set(re.findall(r"LORAONE_[A-Z_]*[A-Z]", file.read_text())) <= known | of_client


@pytest.mark.parametrize("more", ["", "trackers", "mlflow,wandb"])
def test_images_are_built_with_notices_and_what_is_asked_for(more: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    written = [
        line for file in DEPLOYMENT for line in re.findall("EXTRAS[:=] ?(.+)", file.read_text())
    ]
    built = [line for line in written if line.startswith("demo")]
    assert len(built) == 4
    # Compose and a shell read it alike.
    for line in built:
        command = ["sh", "-c", f'printf %s "{line}"']
        told = subprocess.run(command, env={"EXTRAS": more}, capture_output=True, check=True)
        extras = set(told.stdout.decode().split(","))
        assert {"demo", "notices"} <= extras <= project["optional-dependencies"].keys()
        assert set(filter(None, more.split(","))) <= extras or line == "demo,notices"


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for name in Settings.model_fields:
        assert f"`LORAONE_{name.upper()}`" in text


def test_the_tree_of_the_readme_names_every_room() -> None:
    tree = fences(ROOT / "README.md", "")[-1]
    for package in ("loraone", "backend"):
        section = re.search(rf"^{package}/.*\n((?:  .*\n)+)", tree, re.MULTILINE)
        assert section
        named = set(re.findall(r"^  (\w+)/ ", section[1], re.MULTILINE))
        rooms = {file.parent.name for file in (ROOT / package).glob("*/__init__.py")}
        assert named == rooms


def test_the_notebook_snippet_of_the_guide_draws_a_file_of_the_runs_tab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = create_app(Settings(home=tmp_path))
    client = TestClient(server, base_url="http://127.0.0.1:8111")
    spec = {"methods": ["lora", "lora_one"], "grid": {"learning_rates": [1e-3, 2e-3]}}
    assert client.post("/api/experiments", json=spec).status_code == 201
    with server.state.database.write() as session:
        for number, run in enumerate(session.scalars(select(Run))):
            run.status, run.summary = "succeeded", {"eval_loss": 1 + number / 10}
    file = client.get("/api/runs/file", params={"of": "e1", "format": "parquet"})
    (tmp_path / "runs.parquet").write_bytes(file.content)
    monkeypatch.chdir(tmp_path)
    snippet, _ = fences(ROOT / "docs" / "guide.md", "python")
    names: dict[str, object] = {"pd": pd}
    *statements, last = ast.parse(snippet).body
    exec(compile(ast.Module(statements, []), "guide.md", "exec"), names)
    assert isinstance(last, ast.Expr)
    figure = eval(compile(ast.Expression(last.value), "guide.md", "eval"), names)
    assert len(figure.data) == 2
    assert [len(line.x) for line in figure.data] == [2, 2]
    server.state.database.close()


def test_the_snippet_for_peft_initialises_an_adapter(tiny_models: dict[str, Path]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_models["llama"])
    ids = torch.arange(16).reshape(2, 8)

    def train_step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()

    (snippet,) = fences(ROOT / "docs" / "methods.md", "python")
    names: dict[str, object] = {"model": model, "train_step": train_step}
    exec(compile(snippet, "methods.md", "exec"), names)
    factors = [
        weight
        for name, weight in names["peft_model"].named_parameters()  # type: ignore[attr-defined]
        if "lora_B" in name
    ]
    assert len(factors) == 4
    assert all(weight.abs().max() > 0 for weight in factors)
