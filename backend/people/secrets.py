"""What people and programs come with: random, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets

# 256 bits: nobody guesses one, so that a fast hash does.
_BYTES = 32
# How an access token begins, so that scanners of repositories know one.
TOKEN = "loraone_"  # noqa: S105 - a beginning, no secret


def make(prefix: str = "") -> str:
    """A new secret of letters, digits, - and _."""
    return prefix + secrets.token_urlsafe(_BYTES)


def hashed(secret: str) -> str:
    """SHA-256 in hexadecimal digits, as it is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
