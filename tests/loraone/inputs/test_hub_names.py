"""A hub id is a name and a revision, and neither is a path."""

from __future__ import annotations

import pytest

from loraone.errors import DataError, ModelError
from loraone.inputs.data import hub
from loraone.inputs.hub_names import parsed
from loraone.inputs.models.location import model_location
from loraone.inputs.models.stamps import commit
from loraone.spec.model import ModelSpec

PATHS = ["a/b@/etc/hostname", "a/b@../../../etc/hostname", "a/b@refs/../../x", "a/b@.", "a/b@"]


@pytest.mark.parametrize(
    ("name", "repository", "revision"),
    [
        ("gpt2", "gpt2", None),
        ("org/name", "org/name", None),
        ("org/name@main", "org/name", "main"),
        ("org/n.a-m_e@refs/pr/12", "org/n.a-m_e", "refs/pr/12"),
        ("org/name@v1.0-rc_1", "org/name", "v1.0-rc_1"),
    ],
)
def test_what_the_hub_knows_is_a_name_and_a_revision(
    name: str, repository: str, revision: str | None
) -> None:
    assert parsed(name) == (repository, revision)


@pytest.mark.parametrize("name", [*PATHS, "a/../b", "/a/b", "a/b/c", ""])
def test_a_path_is_neither(name: str) -> None:
    assert parsed(name) is None


@pytest.mark.parametrize("name", PATHS)
def test_models_and_data_at_a_revision_that_is_a_path_are_refused(name: str) -> None:
    with pytest.raises(ModelError) as model:
        model_location(ModelSpec(id=name))
    with pytest.raises(DataError) as data:
        hub.check_name(name)
    assert (model.value.field, data.value.field) == ("model.id", "data.source")


def test_a_revision_leads_to_no_file_outside_the_cache() -> None:
    assert commit("model", "a/b", "/etc/hostname") is None
    assert commit("dataset", "a/b", "/bin/ls") is None
