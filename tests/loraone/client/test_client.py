"""Launching, looking for, writing about; and what a server refuses."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import loraone
from loraone import Client, ExperimentSpec
from loraone.client import (
    ClientError,
    ProblemError,
    SignInNeededError,
    UnreachableError,
    VersionWarning,
)
from tests.loraone.client.conftest import SYNTHETIC, Lab


@pytest.fixture(autouse=True)
def _paused(lab: Lab) -> Any:
    with lab.paused():
        yield


def test_a_file_a_dictionary_and_a_spec_launch_the_same(lab: Lab, tmp_path: Path) -> None:
    client = lab.client()
    file = tmp_path / "größe.yaml"
    file.write_text(yaml.safe_dump(SYNTHETIC, allow_unicode=True), encoding="utf-8")
    spec = ExperimentSpec.model_validate(SYNTHETIC)
    grid = {"ranks": np.array([2]), "learning_rates": [np.float64(0.1)]}
    for each in (file, str(file), SYNTHETIC, spec, {**SYNTHETIC, "grid": grid}):
        launched = client.launch(each)
        assert launched.spec == spec
        assert launched.name == SYNTHETIC["name"]
        assert launched.cancel() == 2
    assert launched.status == "cancelled"
    assert launched.retry() == 2
    assert launched.status == "queued"
    launched.cancel()


def test_experiments_are_found_by_a_search_and_a_number(lab: Lab) -> None:
    client = lab.client()
    made = [client.launch({**SYNTHETIC, "name": f"Überzahl {i}"}) for i in range(3)]
    found = client.experiments("Überzahl")
    assert [each.id for each in found] == [each.id for each in reversed(made)]
    assert [each.id for each in client.experiments("Überzahl", limit=2)] == [made[2].id, made[1].id]
    assert client.experiment(made[0].id).name == "Überzahl 0"
    assert repr(made[0]) == f"<Experiment {made[0].id} 'Überzahl 0' at {made[0].url}>"
    assert client.queue().waiting >= 6
    for each in made:
        each.cancel()


def test_a_private_experiment_is_seen_by_its_author_alone(lab: Lab) -> None:
    mine = lab.client().launch({**SYNTHETIC, "name": "secret"}, private=True)
    assert mine.detail.private
    with pytest.raises(ProblemError) as caught:
        lab.client("viewer").experiment(mine.id)
    assert caught.value.status == 404
    mine.cancel()


def test_a_note_stands_below_those_before_and_none_is_lost(lab: Lab) -> None:
    experiment = lab.client().launch(SYNTHETIC)
    assert experiment.notes == []
    experiment.note("Größer ist *besser* 🧪")
    lab.client("administrator").experiment(experiment.id).note("stimmt")
    newest, first = experiment.notes
    assert newest.text == "Größer ist *besser* 🧪\n\nstimmt"
    assert (newest.author, first.author) == ("Ada", "Åsa Öberg")
    experiment.cancel()


def test_a_wrong_field_is_named_with_its_value_and_range(lab: Lab) -> None:
    wrong = {**SYNTHETIC, "grid": {"ranks": [0], "learning_rates": [-1]}}
    with pytest.raises(ProblemError) as caught:
        lab.client().launch(wrong)
    error = caught.value
    assert error.status == 422
    assert [row.path for row in error.problems] == ["grid.ranks.0", "grid.learning_rates.0"]
    assert (error.field, error.value, error.allowed) == ("grid.ranks.0", 0, "1 to 4096")
    assert "grid.learning_rates.0 = -1" in str(error)


def test_a_quota_that_a_launch_is_beyond_is_named_with_value_and_limit(lab: Lab) -> None:
    client = lab.client()
    with lab.editors_quotas(runs=1), pytest.raises(ProblemError) as caught:
        client.launch(SYNTHETIC)
    error = caught.value
    assert (error.status, error.field, error.allowed) == (409, "quota.runs", "up to 1")
    assert isinstance(error.value, float | int)
    assert error.value >= 2
    assert "queued runs, and 2 more are too many; allowed: up to 1 (set for this" in str(error)
    with lab.editors_quotas(runs=1, lane_hours=0), pytest.raises(ProblemError) as caught:
        client.launch(SYNTHETIC)
    assert [row.path for row in caught.value.problems] == ["quota.runs", "quota.lane_hours"]
    assert "\nquota.lane_hours = " in str(caught.value)
    assert client.launch(SYNTHETIC).detail.counts.queued == 2  # there is no limit any more


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": object()}, "object"),
        ({"name": "\ud800"}, "JSON"),
        ({"grid": {"learning_rates": [float("nan")]}}, "NaN"),
        (["lora"], "mapping of fields, not list"),
    ],
)
def test_what_json_has_no_word_for_is_an_error_and_not_something_else(
    lab: Lab, given: Any, words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        lab.client().launch(given)


def test_a_file_that_is_no_spec_is_named(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("name: a\nname: b\n")
    with pytest.raises(ClientError, match=r"spec\.yaml .* 'name' is named 2 times"):
        lab.client().launch(file)


def test_a_viewer_reads_and_may_not_launch(lab: Lab) -> None:
    client = lab.client("viewer")
    assert client.experiments() is not None
    with pytest.raises(ProblemError) as caught:
        client.launch(SYNTHETIC)
    assert caught.value.status == 403
    assert "launch" in str(caught.value) or "editor" in str(caught.value)


@pytest.mark.parametrize("token", [None, "loraone_wrong"])
def test_without_a_token_that_holds_one_is_told_to_log_in(lab: Lab, token: str | None) -> None:
    with pytest.raises(SignInNeededError, match="loraone login") as caught:
        Client(lab.url, token).queue()
    assert caught.value.status == 401
    assert "wrong" not in str(caught.value)


def test_a_server_that_is_not_there_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port} cannot be reached"):
        Client(f"http://127.0.0.1:{port}").queue()


def test_another_version_is_warned_of_once(new_impostor: Any) -> None:
    impostor = new_impostor(version="9.1.0")
    impostor.says("/api/experiments", {"experiments": []})
    client = Client(impostor.url)
    with pytest.warns(VersionWarning, match=rf"version 9\.1\.0, .* {loraone.__version__}") as seen:
        client.experiments()
        client.experiments()
    # Another test's object may go just then, and warn that it was left open.
    (warned,) = (each for each in seen if each.category is VersionWarning)
    assert warned.filename == __file__


def test_what_is_no_server_of_ours_is_said_to_be_none(new_impostor: Any) -> None:
    impostor = new_impostor()
    with pytest.raises(ProblemError, match="404") as caught:
        Client(impostor.url).queue()
    assert "LoRA-One server" in str(caught.value)
    impostor.says("/api/queue", b"<h1>welcome</h1>")
    with pytest.raises(ClientError, match="does not answer /api/queue as version"):
        Client(impostor.url).queue()


@pytest.mark.parametrize(
    "address", ["lab.example.org", "ftp://lab", "http://", "http://lab/?a=b", "", "http://[::1"]
)
def test_an_address_that_is_none_is_refused_with_what_is_allowed(address: str) -> None:
    with pytest.raises(ClientError) as caught:
        Client(address)
    assert "https://host" in str(caught.value.allowed)


def test_the_path_of_an_address_stands_before_every_route(new_impostor: Any) -> None:
    impostor = new_impostor()
    impostor.says("/lora/api/health", {"status": "ok", "version": loraone.__version__})
    impostor.says("/lora/api/experiments", {"experiments": [{"id": 3, "name": "a"}]})
    (found,) = Client(impostor.url + "/lora/").experiments()
    assert found.url == f"{impostor.url}/lora/experiments/3"
    assert json.dumps([path for path, _ in impostor.asked]).count("/lora/api/") == 2
