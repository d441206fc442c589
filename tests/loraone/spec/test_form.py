"""The form of an experiment follows from its schema: nothing is forgotten, nothing hangs loose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import pytest
from pydantic import Field

from loraone.catalog import OPTIMIZERS
from loraone.spec import form
from loraone.spec.base import Spec
from loraone.spec.experiment import ExperimentSpec, RunSpec
from loraone.spec.method import MethodSpec

Declared = dict[str, Any]
SCHEMA = ExperimentSpec.model_json_schema()
# What each run has instead of the grid and the methods of the experiment.
OF_THE_GRID = {"method", "rank", "learning_rate", "seed", "variant"}


def inner(schema: Declared, node: Declared) -> Declared:
    """A field's own schema, without the reference to its class."""
    reference = node.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][reference] if reference else node


def fields(schema: Declared, node: Declared | None = None, prefix: str = "") -> Iterator[Any]:
    """Path, schema and section of every field that holds a value."""
    node = node or schema
    for name, field in node["properties"].items():
        below = inner(schema, field)
        if "properties" in below:
            yield from fields(schema, below, f"{prefix}{name}.")
        else:
            particular = field.get("x-form", {})
            yield f"{prefix}{name}", field, particular.get("section", node["title"])


FIELDS = {path: (field, section) for path, field, section in fields(SCHEMA)}
HIDDEN = {path for path, (field, _) in FIELDS.items() if field.get("x-form", {}).get("hidden")}
HIDDEN |= {path for path in FIELDS if path.startswith("problem.")}
CONDITIONS = [
    (path, of, values)
    for path, (field, _) in FIELDS.items()
    for key in ("shown_when", "hidden_when")
    for of, values in field.get("x-form", {}).get(key, {}).items()
]


def test_every_field_stands_in_a_section_of_the_form_or_is_left_out_of_it() -> None:
    assert inner(SCHEMA, SCHEMA["properties"]["problem"])["title"] == "Problem"
    assert SCHEMA["properties"]["problem"]["x-form"] == {"hidden": True}
    assert {path for path in HIDDEN if "." not in path} == {"version", "sweep"}
    titles = [section.title for section in form.SECTIONS]
    for path, (_, section) in FIELDS.items():
        assert path in HIDDEN or titles.count(section) == 1, (path, section)
    for title in titles:
        assert title in {section for _, section in FIELDS.values()}, title


def test_every_field_of_a_run_is_a_field_of_the_form_or_of_its_grid() -> None:
    assert RunSpec.model_fields.keys() - ExperimentSpec.model_fields.keys() == OF_THE_GRID
    run = {path for path, _, _ in fields(RunSpec.model_json_schema())}
    assert {path for path in run if path.partition(".")[0] not in OF_THE_GRID} <= FIELDS.keys()


def test_every_field_of_the_form_has_a_title_and_help_of_its_own() -> None:
    for path, (field, _) in FIELDS.items():
        if path not in HIDDEN:
            assert field.get("title"), path
            assert field.get("description"), path


def test_no_two_fields_of_a_section_have_the_same_title() -> None:
    shown = [
        (section, field["title"]) for path, (field, section) in FIELDS.items() if path not in HIDDEN
    ]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(("path", "of", "values"), CONDITIONS)
def test_a_condition_names_another_field_and_values_that_it_can_have(
    path: str, of: str, values: list[Any]
) -> None:
    assert of != path
    assert values
    for value in values:
        document: Any = value
        for part in reversed(of.split(".")):
            document = [{"name": "lora", **document}] if part == "*" else {part: document}
        spec: Any = ExperimentSpec.model_validate(document)
        for part in of.split("."):
            spec = spec[0] if part == "*" else getattr(spec, part)
        assert spec == value
        assert type(spec) is type(value)


def test_a_condition_depends_on_what_the_form_shows() -> None:
    of_methods = {f"methods.*.{name}" for name in MethodSpec.model_fields}
    assert "training.loraplus_ratio" in {path for path, _, _ in CONDITIONS}
    for path, of, _ in CONDITIONS:
        assert of in (FIELDS.keys() - HIDDEN) | of_methods, path


def test_every_widget_made_for_a_field_is_asked_for() -> None:
    asked = {field.get("x-form", {}).get("widget") for field, _ in FIELDS.values()}
    assert asked - {None} == set(get_args(form.Widget))


def test_a_plain_field_says_nothing_and_stands_in_the_section_of_its_class() -> None:
    class WarmthSpec(Spec):
        """A section that no other file names."""

        degrees: float = Field(20.0, title="Degrees", ge=0, le=100, description="Of warmth")
        scale: Literal["linear", "log"] = "linear"

    class OuterSpec(ExperimentSpec):
        """An experiment with it."""

        warmth: WarmthSpec = WarmthSpec()

    placed = {path: section for path, _, section in fields(OuterSpec.model_json_schema())}
    assert placed["warmth.degrees"] == placed["warmth.scale"] == "Warmth"
    assert [path for path in placed if placed[path] == "Warmth"] == [
        "warmth.degrees",
        "warmth.scale",
    ]


def test_choices_keep_their_order_and_offer_no_task_that_draws_its_own_problem() -> None:
    choices = SCHEMA["properties"]["task"]["x-form"]["choices"]
    assert choices[0] == {"value": "sequence-classification", "label": "Sequence classification"}
    assert "teacher-student" not in {choice["value"] for choice in choices}
    assert form.form(choices={"b": "B", "a": "A"}) == {
        "x-form": {"choices": [{"value": "b", "label": "B"}, {"value": "a", "label": "A"}]}
    }


def test_optimisers_are_chosen_by_the_labels_of_their_rows() -> None:
    own = SCHEMA["$defs"]["MethodSpec"]["properties"]["optimizer"]
    for field in (FIELDS["training.optimizer"][0], own):
        choices = {choice["value"]: choice["label"] for choice in field["x-form"]["choices"]}
        assert choices == {name: row.label for name, row in OPTIMIZERS.items()}
        assert [choice["value"] for choice in field["x-form"]["choices"]] == list(OPTIMIZERS)
