"""Where a proxy leads to the internet notices arrive by it, and nothing else is reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.notifying.forwarding import Proxy, forwarding
from tests.backend.notifying.receivers import (
    PUBLIC,
    Receiver,
    receiving,
    signed_by_itself,
)
from tests.backend.notifying.test_couriers import ATTACKS, carried


@pytest.fixture
def proxy(web: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """One that this machine is told of, through which the public address leads to ``web``."""
    with forwarding({PUBLIC: web.port}) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv(name.lower(), raising=False)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield proxy


def test_notices_go_through_it_by_http_and_tls(
    tmp_path: Path, web: Receiver, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signed_by_itself(tmp_path) as port:
        proxy.leads["10.0.0.5"] = port
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        found = carried(tmp_path, f"json://{PUBLIC}/", "jsons://10.0.0.5/", networks="10.0.0.5")
    assert web.texts == ["Body"]
    assert found[0] is None
    # Its certificate holds, and it takes no messages.
    assert found[1] == "the server answered 501"
    assert sorted(proxy.asked) == ["CONNECT 10.0.0.5:443", f"POST http://{PUBLIC}/"]


def test_nothing_is_reached_through_it_that_is_not_public(
    tmp_path: Path, web: Receiver, proxy: Proxy
) -> None:
    with receiving() as turning:
        turning.to = f"http://127.0.0.1:{web.port}/"
        proxy.leads["93.184.216.35"] = turning.port
        hosts = [*ATTACKS, proxy.url.removeprefix("http://"), "no.invalid"]
        addresses = [f"{schema}://{host}/" for host in hosts for schema in ("json", "jsons")]
        *found, redirected = carried(tmp_path, *addresses, "json://93.184.216.35/")
    assert proxy.asked == ["POST http://93.184.216.35/"]
    assert web.asked == 0 and None not in found
    said = [reason for reason in found if reason and "LORAONE_NOTICE_NETWORKS" in reason]
    assert len(said) >= 20, found
    assert redirected is not None and "LORAONE_NOTICE_NETWORKS" in redirected
    assert found[-1] is not None and "LORAONE_NOTICE_PROXY_NAMES" in found[-1]


def test_it_looks_up_names_where_an_administrator_says_so(
    tmp_path: Path, web: Receiver, proxy: Proxy
) -> None:
    proxy.leads["no.invalid"] = web.port
    addresses = ("json://no.invalid/", "json://127.0.0.1/")
    first, second = carried(tmp_path, *addresses, notice_proxy_names="true")
    assert first is None and web.texts == ["Body"]
    assert second is not None and "LORAONE_NOTICE_NETWORKS" in second


def test_one_that_is_not_there_is_said_and_hosts_that_need_none_are_reached_directly(
    tmp_path: Path, web: Receiver, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    away = "the proxy does not lead there"
    addresses = (f"json://{PUBLIC}/", f"jsons://{PUBLIC}/", web.address())
    assert carried(tmp_path, *addresses, networks="127.0.0.1") == [away, away, None]
    assert proxy.asked == [] and web.texts == ["Body"]
