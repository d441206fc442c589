"""What trackers say when they fail, without keys, passwords and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
MOST = 300

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_USER = re.compile(r"(\w+://)[^\s/@]*@")
_QUERY = re.compile(r"(\w+://[^\s?#'\"]*)[?#][^\s'\"]*")
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)
# Shorter values are words that may stand anywhere.
_LEAST = 5


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """``text`` in one line of at most ``MOST`` characters, without any value of a variable whose
    name says that it is secret, and without what addresses carry beside host and path."""
    for secret in sorted(set(_secrets(environment)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET.search(name) and len(value) >= _LEAST:
            yield value
        if "://" in value:
            try:
                password = urlsplit(value).password
            except ValueError:
                continue
            for written in (password or "", unquote(password or "")):
                if len(written) >= _LEAST:
                    yield written
