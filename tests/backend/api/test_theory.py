"""The Theory lab through the API: solved while one waits, stored when one asks for it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from fastapi.testclient import TestClient

from backend.scheduling.theory_worker import TheoryWorker, TheoryWorkerDiedError
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.theory.presets import THEORY
from loraone.theory.solve import solve
from tests.backend.conftest import NewProcess, Process
from tests.conftest import DatabaseUrl
from tests.loraone.theory.conftest import ONE, experiment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_process: NewProcess) -> Iterator[Process]:
    found = new_process(tmp_path_factory.mktemp("home"), [])
    assert found.http.post("/api/theory/warm").status_code == 204
    yield found
    found.stop()


def asked(server: Process, spec: ExperimentSpec, **params: Any) -> list[dict[str, Any]]:
    answer = server.http.post(
        "/api/theory", json=spec.model_dump(mode="json"), params=params, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_figures_hold_the_solved_losses_and_the_csv_too(server: Process) -> None:
    spec = experiment("lora", ONE, grid={"seeds": [0, 1, 2]})
    *progress, last = asked(server, spec)
    assert progress[-1] == {"done": 6, "total": 6}
    answer = last["answer"]
    assert (answer["runs"], answer["seeds"]) == (6, 3)
    solutions = solve(expand(spec))
    table = pd.read_csv(io.StringIO(answer["tables"]["losses"]))
    for label in ("LoRA", "LoRA-One (gradient, γ 1)"):
        exact = np.median([s.losses for s in solutions if s.run.label == label], axis=0)
        shown = table[table["series"] == label].set_index("step")["median"]
        np.testing.assert_allclose(shown, exact[shown.index], rtol=1e-6)
        traces = json.loads(answer["figures"]["losses"])["data"]
        (line,) = (t for t in traces if t.get("name") == label)
        assert line["line"]["color"].startswith("#")
    assert {row["name"] for row in answer["predictions"]} >= {"rate"}


def test_a_quick_answer_is_of_the_first_seed_and_a_sweep_has_a_figure_of_its_own(
    server: Process,
) -> None:
    sweep = {"parameter": "condition", "values": [1, 4]}
    spec = experiment(ONE, grid={"seeds": [5, 6]}, sweep=sweep, training={"steps": 200})
    (*_, last) = asked(server, spec, quick=True)
    assert last["answer"]["runs"] == 2
    assert last["answer"]["seeds"] == 1
    assert "sweep" in last["answer"]["figures"]
    table = pd.read_csv(io.StringIO(last["answer"]["tables"]["sweep"]))
    assert list(table["value"]) == [1, 4]
    assert (table["reached"] == 1).all()


def test_the_same_preset_gives_the_same_answer_twice(server: Process) -> None:
    first, second = (asked(server, THEORY["O1"].spec, quick=True)[-1]["answer"] for _ in "ab")
    assert first["tables"] == second["tables"]


def test_what_is_no_theory_or_makes_no_sense_is_a_problem(server: Process) -> None:
    other = server.http.post("/api/theory", json={"methods": ["lora"]})
    assert other.status_code == 422
    assert other.json()["errors"][0]["allowed"] == "teacher-student"
    wrong = {"task": "teacher-student", "problem": {"true_rank": 99}, "methods": ["lora"]}
    answer = server.http.post("/api/theory", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "problem.true_rank"


def test_sent_to_history_it_is_an_experiment_with_every_figure(server: Process) -> None:
    spec = experiment(
        "lora", ONE, "full", sweep={"parameter": "condition", "values": [1, 3]}, name="Sent"
    )
    key = server.post("/api/experiments", spec.model_dump(mode="json"))["id"]
    runs = server.settle(key)
    assert {run["status"] for run in runs} == {"succeeded"}, runs
    assert {run["label"] for run in runs} >= {"LoRA, κ 1", "LoRA, κ 3"}
    stored = server.get(f"/api/experiments/{key}")["spec"]
    assert ExperimentSpec.model_validate(stored) == spec, "the record repeats it"
    solutions = {(s.run.label, s.run.seed): s for s in solve(expand(spec))}
    for run in runs:
        exact = solutions[run["label"], run["seed"]].losses[-1]
        assert run["summary"]["relative_loss"] == pytest.approx(exact, rel=1e-10)
    listed = server.get("/api/experiments")["experiments"][0]
    assert listed["model"] == "teacher–student"
    assert "r* 2" in listed["data"]
    overview = server.get(f"/api/overview?of=e{key}")
    assert overview["metric"] == "relative_loss"
    for name in ("curves", "learning-rate", "heatmap", "spectra", "alignment", "step0", "columns"):
        answer = server.http.get(f"/api/figures/{name}?of=e{key}")
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["data"], name
    assert server.get("/api/experiments?q=sent+teacher")["total"] == 1


def test_a_theory_worker_that_dies_says_so_and_the_next_question_starts_another() -> None:
    theory_worker = TheoryWorker(threads=1)

    async def ask(spec: ExperimentSpec) -> list[Any]:
        return [reply async for reply in theory_worker.ask(spec, quick=False, theme="light")]

    async def dying() -> None:
        long = experiment(ONE, training={"steps": 200_000})
        task = asyncio.create_task(ask(long))
        while theory_worker._process is None or theory_worker._process.pid is None:
            await asyncio.sleep(0.02)
        os.kill(theory_worker._process.pid, signal.SIGKILL)
        with pytest.raises(TheoryWorkerDiedError):
            await asyncio.wait_for(task, 20)

    asyncio.run(dying())
    replies = asyncio.run(ask(experiment(ONE)))
    assert replies[-1].answer is not None
    theory_worker.stop()


def test_a_process_that_died_unnoticed_between_two_questions_is_replaced() -> None:
    theory_worker = TheoryWorker(threads=1)

    async def ask() -> list[Any]:
        return [r async for r in theory_worker.ask(experiment(ONE), quick=True, theme="light")]

    assert asyncio.run(ask())[-1].answer is not None
    # As it is for a moment after a crash: the pipe is closed, the process not yet reaped.
    assert theory_worker._connection is not None
    with theory_worker._lock:
        theory_worker._connection.close()
    assert asyncio.run(ask())[-1].answer is not None
    theory_worker.stop()


def test_a_process_that_is_stopped_holds_up_nobody_who_asks_it() -> None:
    theory_worker = TheoryWorker(threads=1)
    # Together more than the pipe to the process holds.
    long = experiment(ONE, grid={"seeds": list(range(500))})
    waited: list[float] = []

    async def scenario() -> None:
        first = theory_worker.ask(experiment(ONE), quick=True, theme="light")
        assert [reply async for reply in first][-1].answer is not None
        assert theory_worker._process is not None and theory_worker._process.pid is not None
        os.kill(theory_worker._process.pid, signal.SIGSTOP)
        asked = [theory_worker.ask(long, quick=False, theme="light") for _ in range(200)]
        asking = [asyncio.ensure_future(anext(one)) for one in asked]
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.1)
        waited.append(asyncio.get_running_loop().time() - began)
        await asyncio.to_thread(theory_worker.stop)
        told = await asyncio.gather(*asking[:1], return_exceptions=True)
        assert isinstance(told[0], TheoryWorkerDiedError)
        for one in asking:
            one.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(scenario()), daemon=True)
    thread.start()
    thread.join(30)
    assert waited and waited[0] < 5
    assert not thread.is_alive()


def test_a_question_that_nobody_waits_for_is_given_up() -> None:
    theory_worker = TheoryWorker(threads=1)

    async def scenario() -> float:
        warm = theory_worker.ask(experiment(ONE), quick=True, theme="light")
        assert [reply async for reply in warm][-1].answer is not None
        # Hundreds of runs of 3000 steps: minutes of work.
        long = experiment(
            ONE, training={"steps": 3000}, grid={"seeds": list(range(500))},
            problem={"inputs": 128, "outputs": 128},
        )  # fmt: skip
        asking = theory_worker.ask(long, quick=False, theme="light")
        first = await anext(asking)
        assert first.done < first.total
        await asking.aclose()  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        began = loop.time()
        again = theory_worker.ask(experiment(ONE), quick=True, theme="light")
        assert [reply async for reply in again][-1].answer is not None
        return loop.time() - began

    assert asyncio.run(scenario()) < 5
    theory_worker.stop()


def test_no_process_is_left_behind_when_the_server_stops(
    tmp_path: Path, new_process: NewProcess
) -> None:
    server = new_process(tmp_path / "home", [])
    server.http.post("/api/theory/warm")
    assert asked(server, experiment(ONE), quick=True)[-1]["answer"]
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children
    server.stop()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_more_problems_than_the_queue_takes_are_solved_but_not_stored(server: Process) -> None:
    spec = experiment(ONE, grid={"seeds": list(range(600))}, training={"steps": 2})
    assert asked(server, spec)[-1]["answer"]["runs"] == 600
    answer = server.http.post("/api/experiments", json=spec.model_dump(mode="json"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["allowed"] == "1 to 500"


def test_the_lab_answers_within_one_process_too(tmp_path: Path, database_url: DatabaseUrl) -> None:
    from backend.settings import Settings
    from backend.web.app import create_app

    app = create_app(Settings(home=tmp_path, database_url=database_url(tmp_path)))
    with TestClient(app, base_url="http://127.0.0.1:8111") as client:
        spec = experiment(ONE).model_dump(mode="json")
        answer = client.post("/api/theory", json=spec, params={"quick": True})
        assert "answer" in json.loads(answer.text.splitlines()[-1])
