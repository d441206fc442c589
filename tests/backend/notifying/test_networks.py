"""Public addresses may be reached, others where they are named, however they are wrapped."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from backend.notifying.networks import refusal


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert refusal(address, []) is None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::127.0.0.1", "::ffff:10.0.0.5", "2002:a00:5::", "64:ff9b::a00:5",
     "fe80::1%eth0", "169.254.169.254", "0.0.0.0", "::", "255.255.255.255", "224.0.0.1",
     "ff02::1", "fec0::1", "2001:0:0:0:0:0:f5ff:fffa", "/run/a.sock"],
)  # fmt: skip
def test_others_may_not(address: str) -> None:
    assert refusal(address, []) is not None


@pytest.mark.parametrize("address", ["10.0.0.5", "::ffff:10.0.0.5", "64:ff9b::a00:5"])
def test_one_that_is_named_may(address: str) -> None:
    assert refusal(address, [ip_network("10.0.0.5")]) is None
    assert refusal(address, [ip_network("10.0.0.6"), ip_network("fd00::/8")]) is not None
