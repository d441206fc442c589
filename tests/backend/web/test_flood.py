"""A real server process on its socket: fast, and not to be locked by those who only wait."""

from __future__ import annotations

import asyncio
import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from backend.settings import Settings
from backend.web.sockets import listen, most_connections
from tests.backend.web.conftest import Served
from tests.backend.web.raw import HOST, Raw, until
from tests.busy import busy

HALF = b"GET /api/health HTTP/1.1\r\n" + HOST + b"X: "


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """The clients of these tests need files as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def medians(server: Served, path: str, times: int = 31) -> float:
    """Milliseconds of requests on one connection that is kept."""
    client, taken = Raw(server.address), []
    for _ in range(times):
        began = time.perf_counter()
        assert client.ask(path).status == 200
        taken.append((time.perf_counter() - began) * 1e3)
    client.close()
    return statistics.median(taken)


@pytest.mark.parametrize("path", ["/api/health", "/api/catalog", "/api/openapi.json"])
def test_no_answer_waits_for_the_acknowledgement_of_its_head(server: Served, path: str) -> None:
    """Head and body are written one after the other; with Nagle's algorithm the second waits for
    the client, which acknowledges after 40 ms."""
    assert medians(server, path) < 20 + bare()


def bare() -> float:
    """Milliseconds of the same over plain sockets: what this machine takes when it is busy."""

    def answers(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while connection.recv(1 << 16):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                connection.sendall(b"ok")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answers, args=(listening,), daemon=True).start()
        client, taken = Raw(listening.getsockname()[:2]), []
        for _ in range(31):
            began = time.perf_counter()
            client.ask("/")
            taken.append((time.perf_counter() - began) * 1e3)
        client.close()
    return statistics.median(taken)


@pytest.mark.parametrize(
    "settings",
    [{"host": "127.0.0.1"}, {"host": "localhost"}, {"host": "::1"}, {"in_container": True}],
    ids=str,
)
def test_every_accepted_socket_sends_at_once(settings: dict[str, str], tmp_path: Path) -> None:
    async def no_delay() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = writer.get_extra_info("socket")
            accepted.set_result(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen(Settings(home=tmp_path, port=0, **settings)) as listening:
            assert listening is not None
            async with await asyncio.start_server(take, sock=listening):
                host, port = listening.getsockname()[:2]
                _, writer = await asyncio.open_connection(host, port)
                try:
                    return await accepted
                finally:
                    writer.close()

    assert asyncio.run(no_delay()) != 0


def test_an_ipv6_address_is_announced_as_a_browser_reads_it_and_answers_at_once(
    tmp_path: Path,
) -> None:
    server = Served(tmp_path, LORAONE_HOST="::1")
    assert server.url.startswith("http://[::1]:")
    assert medians(server, "/api/health") < 20 + bare()
    server.stop()


def test_the_soft_limit_of_files_is_raised_at_the_start(server: Served) -> None:
    soft, hard = server.limits()
    assert soft == min(hard, 65_536)


@pytest.mark.parametrize("files", [256, 1024, 4096, 65_536])
def test_files_are_left_for_the_database_and_the_workers(files: int) -> None:
    assert 16 <= most_connections(files) <= min(4096, files - 150)


def test_half_open_requests_and_slow_bodies_lock_nobody_out(server: Served) -> None:
    wrote = len(server.log)
    half, slow = [], []
    for _ in range(1100):
        half.append(Raw(server.address))
        half[-1].send(HALF)
    for _ in range(100):
        slow.append(Raw(server.address))
        slow[-1].send(b"POST /api/plan HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n{")
    for _ in range(5):
        for client in half[:300]:
            client.send(b"a")
        for client in slow:
            client.send(b" ")
        began = time.perf_counter()
        fresh = Raw(server.address)
        assert fresh.ask("/api/health").status == 200
        assert fresh.ask("/api/experiments").status == 200
        assert time.perf_counter() - began < 2 * busy()
        fresh.close()
    assert half[0].read().status == 408
    assert half[-1].read().status == 408
    for client in (*half, *slow):
        client.close()
    assert len(server.log) - wrote < 10_000


def test_a_flood_of_nonsense_writes_a_few_lines(server: Served) -> None:
    wrote = len(server.log)
    for _ in range(500):
        client = Raw(server.address)
        client.send(b"nonsense\r\n\r\n")
        assert client.read().status == 400
        client.close()
    assert Raw(server.address).ask("/api/health").status == 200
    assert "left out" in server.log[wrote:]
    assert len(server.log) - wrote < 10_000


def test_a_thousand_streams_are_held_beside_honest_requests(server: Served) -> None:
    streams = [Raw(server.address) for _ in range(1000)]
    for stream in streams:
        stream.send(b"GET /api/changes HTTP/1.1\r\n" + HOST + b"\r\n")
    for stream in streams:
        assert b"following" in stream.until(b": following")
    began = time.perf_counter()
    assert Raw(server.address).ask("/api/experiments").status == 200
    assert time.perf_counter() - began < 2 * busy()
    for stream in streams:
        stream.close()


def test_where_files_run_out_the_log_stays_short_and_the_server_comes_back(
    tmp_path: Path,
) -> None:
    server = Served(tmp_path)
    soft, hard = server.limits()
    files = psutil.Process(server.process.pid).num_fds()
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (files + 3, hard))
    clients = []
    for _ in range(200):
        clients.append(Raw(server.address))
        clients[-1].send(HALF)
    until(lambda: "out of system resource" in server.log)
    time.sleep(2.5)
    assert len(server.log) < 20_000
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: Raw(server.address).ask("/api/health").status == 200)
    for client in clients:
        client.close()
    server.stop()
    assert len(server.log) < 20_000
