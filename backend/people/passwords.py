"""Passwords: which may be chosen, and their hashes (Argon2id).

A length and how easily one is guessed are all that is asked of a new one: rules about digits and
signs make people choose ``Password1!``. Ten characters are what leaves room for three words or for
random letters that nobody tries one by one; how easily it is guessed says :mod:`zxcvbn`, which
knows the 30 000 commonest passwords, names, words, keyboards and what people do to them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers import HasherProtocol
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.errors import FieldProblem, InvalidError, TooOftenError
from backend.people import secrets

# Longer ones are refused before they are hashed.
SHORTEST, LONGEST = 10, 200
# Whoever has stolen the hashes tries so many in months.
_GUESSES = 10**8
# As much of a password is looked at; the time grows with its square.
_LOOKED_AT = 72
# Each takes 64 MiB and a core for 50 ms. Those that wait hold a thread of all requests.
_AT_ONCE, _WAITING = 2, 8


def check_new(password: str, name: str, path: str = "password") -> None:
    """Raise InvalidError where ``name`` should not have this password; it is not repeated."""
    allowed = f"{SHORTEST} to {LONGEST} characters that are not easily guessed"
    if not SHORTEST <= len(password) <= LONGEST:
        message = f"has {len(password)} characters; allowed: {allowed}"
        raise InvalidError(FieldProblem(path, message, allowed=allowed))
    if name.casefold() in password.casefold() and len(password) < len(name) + SHORTEST:
        message = f"is the name with little beside it; allowed: {allowed}"
        raise InvalidError(FieldProblem(path, message, allowed=allowed))
    from zxcvbn import zxcvbn  # half a second's reading of lists

    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[name, "loraone", "lora-one"])
    if found["guesses"] < _GUESSES:
        because = found["feedback"]["warning"] or "Add another word or two"
        message = f"is easily guessed ({because.rstrip('.')}); allowed: {allowed}"
        raise InvalidError(FieldProblem(path, message, allowed=allowed))


@dataclass(frozen=True)
class Checked:
    """Whether a password is the right one; ``renewed`` is its hash by today's parameters where
    the stored one is by others."""

    fits: bool
    renewed: str | None = None


class Passwords:
    """Hashes and checks them, a few at a time."""

    def __init__(self, hasher: HasherProtocol | None = None) -> None:
        self._hashes = PasswordHash((hasher or Argon2Hasher(),))
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._waiting = threading.BoundedSemaphore(_WAITING)

    def hash(self, password: str) -> str:
        """As it is stored. Raises TooOftenError where too many wait for theirs."""
        with self._turn():
            return self._hashes.hash(password)

    def check(self, password: str, stored: str | None) -> Checked:
        """Whether it is the password of ``stored``. None, of nobody or of somebody without one,
        fits nothing and takes as long. Raises TooOftenError as above."""
        with self._turn():
            nobody = self._nobody
            try:
                fits, renewed = self._hashes.verify_and_update(password, stored or nobody)
            except UnknownHashError:
                return Checked(False)
        return Checked(fits and bool(stored), renewed)

    @cached_property
    def _nobody(self) -> str:
        return self._hashes.hash(secrets.make())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise TooOftenError("too many people sign in just now, try again", 1)
        try:
            with self._turns:
                yield
        finally:
            self._waiting.release()
