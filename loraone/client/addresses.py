"""The address of a server, in one spelling."""

from __future__ import annotations

import ipaddress

import httpx

from loraone.client.errors import ClientError

_ALLOWED = "http://host:port or https://host, with a path where the server has one"


def server_url(text: str) -> str:
    """The address without a slash at its end. Raises ClientError for what is none."""
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ClientError(
            f"{text!r:.200} is no address of a server", field="url", value=text, allowed=_ALLOWED
        ) from error
    if url.userinfo:  # not repeated: it may hold a password
        message = "an address holds no user and no password: a token says who asks"
        raise ClientError(message, field="url", allowed=_ALLOWED)
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise ClientError(
            f"{text!r:.200} is no address of a server; allowed: {_ALLOWED}",
            field="url",
            value=text,
            allowed=_ALLOWED,
        )
    return str(url).rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the server is on this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
