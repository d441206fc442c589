"""A real server and a real browser: Debian's Chromium, found on the PATH."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.backend.conftest import Process, built_page
from tests.e2e.form import launch_two_runs

__all__ = ["built_page"]

MINUTES = 60_000
# What is expected comes late where the machine is busy; playwright waits for five seconds.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, quiet about the network that is not there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is not installed: run 'make system'"
    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
        "--disable-background-networking --disable-component-update"
    )
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        # A server's public name, in tests/e2e/published.py.
        "args": [*arguments.split(), "--host-resolver-rules=MAP lab.example.org 127.0.0.1"],
    }


@pytest.fixture(scope="session")
def server(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One server on an empty data folder for all stories."""
    found = Process(
        tmp_path_factory.mktemp("home"),
        [],
        LORAONE_BENCHMARK_DEVICE="true",
        LORAONE_READERS="1",
    )
    yield found
    found.stop()


@pytest.fixture(scope="session")
def base_url(server: Process) -> str:
    """Where the browser's relative URLs begin."""
    return server.url


@pytest.fixture(scope="session")
def experiment_path(browser: Browser, base_url: str) -> str:
    """Where an experiment is that was launched from the form and has ended."""
    page = browser.new_page(base_url=base_url)
    page.goto("/launch")
    launch_two_runs(page, "From the form", steps=8)
    expect(page.get_by_role("table", name="Runs").get_by_text("succeeded")).to_have_count(
        2, timeout=3 * MINUTES
    )
    path = page.url
    page.close()
    return path


@pytest.fixture(autouse=True)
def no_error_in_the_console(page: Page) -> Iterator[None]:
    """A page that throws, or breaks its own security policy, fails its test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    yield
    assert not errors, errors
