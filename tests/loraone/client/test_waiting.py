"""Waiting for runs, over connections that do not last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from loraone.client import Experiment, UnreachableError, following
from tests.busy import busy
from tests.loraone.client.conftest import SYNTHETIC, Lab
from tests.loraone.client.cut_proxy import CutProxy, until


@pytest.fixture
def waited(lab: Lab, proxy: CutProxy) -> tuple[Experiment, Future[Any]]:
    """An experiment whose runs stay queued, and somebody who waits for them behind the proxy."""
    launched = lab.client().launch(SYNTHETIC)
    behind = lab.client(url=proxy.url).experiment(launched.id)
    waiting = ThreadPoolExecutor(1).submit(behind.wait, progress=False)
    return launched, waiting


@pytest.fixture(autouse=True)
def _paused(lab: Lab) -> Any:
    with lab.paused():
        yield


def test_a_cut_connection_goes_on_where_it_was_and_misses_nothing(
    proxy: CutProxy, waited: tuple[Experiment, Future[Any]]
) -> None:
    experiment, waiting = waited
    until(lambda: b"event: following" in proxy.answered)
    experiment.note("a change that the one who waits is told of")
    until(lambda: b"event: notes" in proxy.answered)
    proxy.refuses = True
    proxy.cut()
    assert experiment.cancel() == 2  # told while nobody listens
    proxy.refuses = False
    waiting.result(timeout=30)
    first, *later = proxy.feeds()
    assert b"last-event-id" not in first.lower()
    assert b"last-event-id: " in later[0].lower()


def test_where_no_feed_comes_through_runs_are_asked_for(
    lab: Lab, proxy: CutProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_FIRST_WORD_S", 0.5)
    monkeypatch.setattr(following, "_POLL_S", 0.1)
    proxy.holds_back_feeds = True
    launched = lab.client().launch(SYNTHETIC)
    threading.Timer(1.5, launched.cancel).start()
    lab.client(url=proxy.url).experiment(launched.id).wait(progress=False, patience=20)
    assert len(proxy.feeds()) == 1


def test_a_server_that_stays_away_is_an_error_in_the_end(lab: Lab, proxy: CutProxy) -> None:
    experiment = lab.client(url=proxy.url).launch(SYNTHETIC)
    waiting = ThreadPoolExecutor(1).submit(experiment.wait, progress=False, patience=1)
    until(lambda: b"event: following" in proxy.answered)
    proxy.refuses = True
    proxy.cut()
    with pytest.raises(UnreachableError, match=proxy.url):
        waiting.result(timeout=30)
    lab.client().experiment(experiment.id).cancel()


def test_ctrl_c_ends_the_waiting_and_says_that_the_runs_go_on(lab: Lab, proxy: CutProxy) -> None:
    experiment = lab.client().launch(SYNTHETIC)
    environment = {**os.environ, "LORAONE_TOKEN": lab.tokens["viewer"]}
    command = [sys.executable, "-m", "backend.cli", "watch", str(experiment.id)]
    process = subprocess.Popen(
        [*command, "--server", proxy.url],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal: whatever a shell begins in the background, such as a run of the tests,
        # has it ignored, and so has what that begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until(lambda: b"event: following" in proxy.answered)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30 * busy())
    assert process.returncode == 130, said
    assert f"the runs of experiment {experiment.id} go on, see {proxy.url}/" in said
    assert "Traceback" not in said
    assert experiment.cancel() == 2
