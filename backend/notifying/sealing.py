"""Addresses of channels, encrypted as they are stored (JWE, AES-256-GCM), with a key in a file of
the data folder.

Whoever has the database alone, such as a backup, a dump or PostgreSQL's administrator, has no
address by that. Whoever can read the data folder as well has all of them: the server has to send
while nobody is there who could type a password.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from backend.storage.permissions import NOTICE_KEY

_BYTES = 32
_HEADER = {"alg": "dir", "enc": "A256GCM"}


class SealError(Exception):
    """An address cannot be read or encrypted, and why."""


class Seal:
    """With the key of a data folder, which is made when it is first needed."""

    def __init__(self, home: Path) -> None:
        self._path = home / NOTICE_KEY

    def closed(self, address: str) -> str:
        """An address as it is stored. Raises SealError."""
        return jwe.encrypt_compact(_HEADER, address.encode(), self._key(make=True))

    def opened(self, stored: str) -> str:
        """The address again. Raises SealError where it was encrypted with another key."""
        try:
            found = jwe.decrypt_compact(stored, self._key(make=False)).plaintext
        except (JoseError, ValueError) as error:
            raise SealError(self._lost) from error
        return (found or b"").decode()

    @property
    def _lost(self) -> str:
        return f"its address needs another {NOTICE_KEY} than this server has: add it again"

    def _key(self, *, make: bool) -> OctKey:
        try:
            if make and not self._path.exists():
                self._make()
            found = self._path.read_bytes()
        except FileNotFoundError as error:
            raise SealError(self._lost) from error
        except OSError as error:
            raise SealError(f"{NOTICE_KEY} cannot be used: {error.strerror}") from error
        if len(found) != _BYTES:
            raise SealError(f"{NOTICE_KEY} has {len(found)} bytes; allowed: {_BYTES}")
        return OctKey.import_key(found)

    def _make(self) -> None:
        """Whole or not at all, and never in place of another server's that shares the folder."""
        new = self._path.with_name(f"{NOTICE_KEY}.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                self._path.hardlink_to(new)
        finally:
            new.unlink()
