"""The recipes of docs/architecture.md, carried out as they are written, in a copy of the project.

Each must do with the files that it shows: whatever else a recipe would need is a fault of the
architecture, or of the document.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Each runs other tests in a copy of the repository.
pytestmark = pytest.mark.tests(2)
ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
COPIED = (
    *("loraone", "backend", "tests", "docs"),
    *("README.md", "pyproject.toml", "docker-compose.yml"),
)
# A recipe touches at most so many files, apart from tests and what is generated.
MOST_FILES = 3


def recipe(title: str) -> str:
    """The text of one recipe."""
    section = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert section is not None, title
    return section[1]


def new_files(text: str) -> dict[str, str]:
    """The files that a recipe adds, by path."""
    return dict(re.findall(r"^```python file=(\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def changes(text: str) -> str:
    """What a recipe changes in files that exist, as a patch."""
    return "".join(re.findall(r"^```diff\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


class Copy:
    """A copy of the project to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "page", "images", "archive")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)

    def follow(self, title: str) -> list[str]:
        """Carry out a recipe; gives the files that it touched, tests apart."""
        text = recipe(title)
        files, patch = new_files(text), changes(text)
        for path, content in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(content)
        if patch:
            self.run("git", "apply", "--verbose", "-", given=patch)
        changed = re.findall(r"^\+\+\+ b/(\S+)", patch, re.MULTILINE)
        touched = [path for path in (*files, *changed) if not path.startswith("tests/")]
        return [path for path in touched if not path.endswith("__init__.py")]

    def run(self, *command: str, given: str | None = None) -> str:
        """Run a command with the copy's code."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment.pop("PYTEST_XDIST_WORKER", None)
        done = subprocess.run(
            command, cwd=self.folder, env=environment, input=given, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def python(self, code: str) -> str:
        """What a script prints."""
        return self.run(sys.executable, "-c", code).strip()

    def tests(self, *what: str) -> None:
        """Run tests of the copy, in one process."""
        plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
        self.run(sys.executable, "-m", "pytest", *plain, *what)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "copy")


def test_a_method_is_added_by_the_files_of_its_folder(copy: Copy) -> None:
    touched = copy.follow("A method")
    assert len(touched) <= MOST_FILES
    assert all(path.startswith("loraone/methods/gradient_a/") for path in touched)
    copy.run(sys.executable, "-m", "loraone.catalog.method_table")
    assert "Gradient A" not in (ROOT / "docs" / "methods.md").read_text()
    assert "`gradient_a`" in (copy.folder / "docs" / "methods.md").read_text()
    # As of any method: trained, measured, exported and read back, on every architecture.
    files = (
        "methods/test_gradient_a.py",
        "methods/test_every_method.py",
        "catalog/test_methods.py",
    )
    paths = [f"tests/loraone/{file}" for file in files]
    copy.tests(*paths, "-k", "gradient_a or test_methods.py")
    listed = copy.python(
        "from backend.api.catalog import described;"
        "print([m.label for m in described().methods if m.name == 'gradient_a'])"
    )
    assert listed == "['Gradient A']"


def test_a_layer_metric_is_added_by_one_file_and_drawn(copy: Copy) -> None:
    touched = copy.follow("A per-layer metric and its figure")
    assert touched == ["loraone/measure/layer_metrics/spread.py"]
    # Every row has a number for every layer of a real run, and no figure, table or report a gap.
    copy.tests(
        "tests/loraone/measure/test_spread.py", "tests/loraone/measure/test_layer_metrics.py"
    )
    drawn = copy.python(
        "import pandas as pd\n"
        "from loraone.catalog import LAYER_METRICS\n"
        "from loraone.analysis.figures import columns\n"
        "runs = pd.DataFrame({'run_id': [1], 'series': ['LoRA'], 'label': ['LoRA'],"
        " 'method': ['lora'], 'seed': [0], 'rank': [4]})\n"
        "values = pd.DataFrame({'run_id': [1, 1], 'layer': [0, 1], 'value': [1.2, 1.9]})\n"
        "row = LAYER_METRICS['update_spread']\n"
        "print(row.label, row.when)\n"
        "from backend.api.catalog import described\n"
        "print([c.name for c in described().columns][-1])\n"
    )
    assert "Spread of the update" in drawn
    assert "update_spread" in drawn


def test_a_training_parameter_is_a_field_and_its_use(copy: Copy) -> None:
    touched = copy.follow("A training parameter")
    assert touched == ["loraone/spec/training.py", "loraone/training/schedule.py"]
    copy.tests("tests/loraone/training/test_final_rate.py", "tests/loraone/spec/test_form.py")
    # The form's schema has it, with label, range and help; the page places it by that alone.
    shown = copy.python(
        "import json\n"
        "from backend.api.catalog import described\n"
        "schema = described().spec_schema\n"
        "print(json.dumps(schema['$defs']['TrainingSpec']['properties']['final_rate']))\n"
    )
    field = json.loads(shown.splitlines()[-1])
    assert (field["title"], field["minimum"], field["maximum"]) == ("Final rate", 0, 1)
    # A wrong value is named with the range; a run stored before does not differ.
    said = copy.python(
        "from pydantic import ValidationError\n"
        "from loraone import ExperimentSpec, expand\n"
        "from loraone.spec import diff\n"
        "from loraone.spec.validation import problems\n"
        "try:\n"
        "    ExperimentSpec.model_validate({'training': {'final_rate': 2}})\n"
        "except ValidationError as error:\n"
        "    print(problems(error.errors())[0]['allowed'])\n"
        "now = expand(ExperimentSpec())[0].model_dump(mode='json')\n"
        "training = {k: v for k, v in now['training'].items() if k != 'final_rate'}\n"
        "old = {**now, 'training': training}\n"
        "print(diff.between({'old': [old], 'now': [now]}))\n"
    )
    assert said.splitlines()[-2:] == ["0 to 1", "[]"]
