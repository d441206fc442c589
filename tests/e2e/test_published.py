"""Behind nginx and Caddy, at the top of a name and under a path: as others see it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.backend.conftest import Process
from tests.busy import busy
from tests.e2e.published import NAME, Caddy, Nginx, Proxy
from tests.ports import free_port

PROXIES = {"nginx": Nginx, "Caddy": Caddy}
PATHS = ("", "/lora")
PATIENT = 30_000  # a browser, two servers and a proxy may share one core
# Nothing that is buffered would be there before the next ping, after 15 s.
AT_ONCE = 3.0
Servers = dict[str, tuple[int, Process]]


def behind(*names: str) -> pytest.MarkDecorator:
    """A test behind each of these proxies, at the top and under a path."""
    where = [(name, path) for name in names for path in PATHS]
    ids = [f"{name} {path or '/'}" for name, path in where]
    return pytest.mark.parametrize("proxy", where, indirect=True, ids=ids)


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    """The proxies' certificates are their own."""
    return {"ignore_https_errors": True}


@pytest.fixture(scope="module")
def servers(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A server for each path, with the port at which one proxy after the other publishes it. Their
    lanes are paused: what is launched waits."""

    # Not in the threads: pytest makes the folder that all of them are in when it is first asked.
    homes = {path: tmp_path_factory.mktemp("home") for path in PATHS}

    def start(path: str) -> tuple[int, Process]:
        port = free_port()
        server = Process(
            homes[path],
            [],
            LORAONE_PUBLIC_URL=f"https://{NAME}:{port}{path}",
            LORAONE_TRUSTED_PROXIES="127.0.0.1",
        )
        lane = server.wait(lambda: server.get("/api/queue")["lanes"])[0]
        server.post(f"/api/lanes/{lane['name']}?mode=paused")
        return port, server

    with ThreadPoolExecutor() as pool:
        found: Servers = dict(zip(PATHS, pool.map(start, PATHS), strict=True))
    yield found
    for _, server in found.values():
        server.stop()


@pytest.fixture(scope="module")
def proxy(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy before a server."""
    name, path = request.param
    port, server = servers[path]
    upstream = server.url.removeprefix("http://")
    found = PROXIES[name](tmp_path_factory.mktemp(name) / "proxy", port, upstream, path)
    yield found
    found.stop()


@behind(*PROXIES)
def test_the_page_opens_launches_and_follows(page: Page, proxy: Proxy) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{proxy.url}/launch")
    page.get_by_label("Name", exact=True).fill("From outside")
    page.get_by_role("region", name="Plan").get_by_role("button", name="Launch").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(proxy.url)}/experiments/"), timeout=PATIENT)
    number = page.url.partition("/experiments/")[2].partition("?")[0]
    answer = proxy.ask("PATCH", f"/api/experiments/{number}", json={"tags": ["seen-at-once"]})
    assert answer.status_code == 200, answer.text
    expect(page.get_by_text("seen-at-once")).to_be_visible(timeout=PATIENT)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export").click()
    assert json.loads(waiting.value.path().read_text())["experiment"]["name"] == "From outside"
    page.reload()
    expect(page.get_by_role("heading", name="From outside")).to_be_visible(timeout=PATIENT)
    page.get_by_role("link", name="History").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(proxy.url)}/history"), timeout=PATIENT)
    expect(page.get_by_role("table", name="Experiments")).to_be_visible(timeout=PATIENT)
    page.goto(proxy.url)
    expect(page).to_have_url(re.compile(f"^{re.escape(proxy.url)}/history"), timeout=PATIENT)
    own = (f"{proxy.url}/", "data:", "blob:")
    assert [url for url in asked if not url.startswith(own) and url != proxy.url] == []


@behind("nginx")
def test_the_api_is_described_and_tried_out(page: Page, proxy: Proxy) -> None:
    page.goto(f"{proxy.url}/api/docs")
    page.locator("#operations-catalog-catalog_health .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table .microlight").first
    expect(answer).to_contain_text('"status": "ok"', timeout=PATIENT)


@behind("Caddy")
def test_a_copied_link_is_the_public_one_also_beside_the_proxy(
    page: Page, proxy: Proxy, servers: Servers
) -> None:
    (experiment, *_) = proxy.ask("GET", "/api/experiments").json()["experiments"]
    view = f"/compare?of=%5B%22e{experiment['id']}%22%5D"
    _, server = servers[proxy.url.partition(NAME)[2].lstrip(":0123456789")]
    for here in (proxy.url, server.url):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(f"{here}{view}")
        page.get_by_role("button", name="Copy link").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"{proxy.url}/compare?of="), copied


@behind(*PROXIES)
def test_a_page_of_another_site_changes_nothing(page: Page, proxy: Proxy) -> None:
    form = f"""<form method="post" enctype="text/plain"
        action="{proxy.url}/api/lanes/cpu?mode=open"><button>Win</button></form>"""
    page.route(
        "https://evil.example/", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    page.goto("https://evil.example/")
    with page.expect_response(f"{proxy.url}/api/lanes/**") as waiting:
        page.get_by_role("button", name="Win").click()
    assert waiting.value.status == 403
    assert waiting.value.request.headers["origin"] == "https://evil.example"
    (lane,) = proxy.ask("GET", "/api/queue").json()["lanes"]
    assert lane["mode"] == "paused"
    for said in ({"Origin": f"http://{NAME}"}, {"Sec-Fetch-Site": "cross-site"}):
        path = f"/api/lanes/{lane['name']}?mode=open"
        assert proxy.ask("POST", path, headers=said).status_code == 403


@behind(*PROXIES)
def test_changes_arrive_at_once(proxy: Proxy) -> None:
    (experiment, *_) = proxy.ask("GET", "/api/experiments").json()["experiments"]
    began = time.monotonic()
    with proxy.stream("/api/changes") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: following"
        assert time.monotonic() - began < AT_ONCE * busy()
        changed = time.monotonic()
        path = f"/api/experiments/{experiment['id']}"
        proxy.ask("PATCH", path, json={"tags": [f"at-{changed}"]})
        assert any(line == "event: experiment" for line in lines)
        assert time.monotonic() - changed < AT_ONCE * busy()


@behind(*PROXIES)
def test_large_imports_and_long_addresses_pass(proxy: Proxy) -> None:
    (experiment, *_) = proxy.ask("GET", "/api/experiments").json()["experiments"]
    exported = proxy.ask("GET", f"/api/experiments/{experiment['id']}/export.json").content
    answer = proxy.ask(
        "POST",
        "/api/experiments/import",
        content=exported + b" " * 3_000_000,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    compared = "&".join([f"of=e{experiment['id']}"] * 1500)
    answer = proxy.ask("GET", f"/api/basket?{compared}")
    assert answer.headers["content-security-policy"], "the server itself has answered"
    assert answer.status_code in (200, 422), answer.text


@behind(*PROXIES)
def test_only_the_public_name_is_published(proxy: Proxy, servers: Servers) -> None:
    for _, server in servers.values():
        assert server.http.get("/api/health", headers={"Host": "evil.example"}).status_code == 400
        assert server.http.get("/api/health").status_code == 200
    elsewhere = proxy.ask("GET", "/api/health", headers={"Host": "evil.example"})
    assert '"ok"' not in elsewhere.text
