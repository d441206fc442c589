"""Every folder of loraone/methods is a method, found without a list, and its row holds together."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

import loraone.methods
from loraone.catalog import METHODS, Method, resolve, scanning

ROOT = Path(loraone.methods.__file__).parent
FOLDERS = sorted(file.parent.name for file in ROOT.glob("*/__init__.py"))
BEFORE = [
    "lora", "lora_one", "pissa", "lora_ga_paper", "lora_ga", "random_matched", "gaussian", "olora",
    "orthogonal", "mica", "eva", "corda", "loftq", "lora_sb", "full",
]  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_one_method_with_all_that_its_row_names(folder: str) -> None:
    row = scanning.row_of(f"loraone.methods.{folder}")
    assert row.name == folder
    assert METHODS[folder] is row
    for path in filter(None, (row.initialise, row.prepare, row.peft_code)):
        assert callable(resolve(path)), path
    fields = row.params.model_fields
    flags = [said[0] for said in (row.changes_base, row.starts_pretrained) if said not in (0, 1)]
    asked = [row.input_directions] if row.input_directions else []
    for name in (*flags, *asked, *row.variant_params, *row.searched_params):
        assert name in fields, f"{folder}: there is no parameter {name!r}"
    assert all(field.title and field.description for field in fields.values())
    assert row.formula, f"{folder}: docs/methods.md has no formula of it"
    assert math.isfinite(row.order), f"{folder}: give it a place in the form"
    assert row.paper is None or row.paper.url.startswith("https://arxiv.org/abs/")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_holds_its_row_and_what_it_computes_and_nothing_else(folder: str) -> None:
    files = {file.name for file in (ROOT / folder).glob("*.py")}
    row = METHODS[folder]
    own = {path.split(":")[0] for path in (row.initialise, row.prepare) if path}
    modules = {f"{name.rsplit('.', 1)[-1]}.py" for name in own}
    assert files == {"__init__.py", "row.py"} | modules
    assert all(name.startswith(f"loraone.methods.{folder}.") for name in own)


def test_every_folder_is_found_and_the_order_of_the_form_is_kept() -> None:
    assert set(METHODS) == set(FOLDERS)
    assert [name for name in METHODS if name in BEFORE] == BEFORE
    orders = [row.order for row in METHODS.values()]
    assert orders == sorted(orders)
    assert len(set(orders)) == len(orders)


def test_a_folder_whose_row_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(ROW="a row")
    monkeypatch.setitem(sys.modules, "loraone.methods.bad", SimpleNamespace(__path__=[]))
    monkeypatch.setitem(sys.modules, "loraone.methods.bad.row", module)
    with pytest.raises(TypeError, match=r"loraone\.methods\.bad\.row"):
        scanning.row_of("loraone.methods.bad")


def test_the_rows_are_read_without_torch() -> None:
    code = (
        "import loraone.catalog, sys;"
        "bad = {'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_row_can_be_imported_first(folder: str) -> None:
    code = f"from loraone.methods.{folder}.row import ROW; assert ROW.name == {folder!r}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_flag_may_be_a_parameter() -> None:
    row = dataclasses.replace(METHODS["init_ab"])
    assert isinstance(row, Method)
    assert not row.flag("changes_base")
    assert not row.flag("changes_base", {"base": "kept"})
    assert row.flag("changes_base", {"base": "offset"})
    assert METHODS["pissa"].flag("changes_base", {})


def test_plain_lora_is_known_by_its_row_and_not_by_its_name() -> None:
    assert [row.name for row in METHODS.values() if row.vanilla] == ["lora"]
    ours = import_module("loraone.methods.gaussian.row").ROW
    assert dataclasses.replace(ours, peft_init=True).vanilla
