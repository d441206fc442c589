"""Which passwords may be chosen, and what is kept of them."""

from __future__ import annotations

import threading

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.errors import InvalidError, TooOftenError
from backend.people import passwords
from backend.people.colours import COLOURS
from backend.people.passwords import LONGEST, Passwords, check_new
from tests.backend.people import accounts


@pytest.mark.parametrize(
    "password",
    [
        "gable-otter-plinth",
        "vX9#kQ2w!r",
        "drei Tassen Tee am Abend",
        "пять зелёных слонов",
        "q" * 5 + "gable otter plinth" * 10,
    ],
)
def test_a_password_of_three_words_or_of_ten_random_signs_is_allowed(password: str) -> None:
    check_new(password, "ana")


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "has 0 characters"),
        ("vX9#kQ2w!", "has 9 characters"),
        ("x" * (LONGEST + 1), f"has {LONGEST + 1} characters"),
        ("password12", "easily guessed"),
        ("P@ssw0rd2024!", "easily guessed"),
        ("qwertyuiop[]", "easily guessed"),
        ("aaaaaaaaaaaaaaaaaaaa", "easily guessed"),
        ("1234567890123", "easily guessed"),
        ("loraoneloraone", "easily guessed"),
        ("loraone2026", "easily guessed"),
        ("Ana Petrova2", "is the name with little beside it"),
        ("avorteP anA!", "easily guessed"),
    ],
)
def test_a_short_a_common_and_ones_own_name_are_refused(password: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words) as caught:
        check_new(password, "Ana Petrova", "new")
    (problem,) = caught.value.problems
    assert problem.path == "new"
    assert "10 to 200 characters" in str(problem.allowed)
    assert problem.value is None
    assert len(password) < 5 or password not in str(caught.value)


def test_what_production_hashes_with_is_argon2id_of_64_mebibytes() -> None:
    stored = Passwords().hash("gable-otter-plinth")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_the_same_password_has_another_hash_each_time() -> None:
    made = accounts.quick()
    first, second = (made.hash("gable-otter-plinth") for _ in range(2))
    assert first != second
    assert made.check("gable-otter-plinth", first).fits
    assert made.check("gable-otter-plinth", second).fits
    assert not made.check("gable-otter-plinti", first).fits


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$broken"])
def test_nobody_has_no_password(stored: str | None) -> None:
    made = accounts.quick()
    made._nobody = made.hash("known")
    assert not made.check("known", stored).fits


def test_so_many_are_hashed_at_a_time_and_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    going, most, lock, goes_on = 0, 0, threading.Lock(), threading.Event()
    hash_it = hasher.hash

    def slowly(password: str, *, salt: bytes | None = None) -> str:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        goes_on.wait(20)
        with lock:
            going -= 1
        return hash_it(password, salt=salt)

    monkeypatch.setattr(hasher, "hash", slowly)
    made = Passwords(hasher)
    threads = [
        threading.Thread(target=made.hash, args=("gable",)) for _ in range(passwords._WAITING)
    ]
    for thread in threads:
        thread.start()
    while made._waiting._value:  # type: ignore[attr-defined]
        pass
    with pytest.raises(TooOftenError) as caught:
        made.hash("one too many")
    assert caught.value.again == 1
    goes_on.set()
    for thread in threads:
        thread.join()
    assert most <= passwords._AT_ONCE
    assert made.hash("and now").startswith("$argon2id$")


@pytest.mark.parametrize("colour", COLOURS)
def test_white_letters_are_read_on_each_colour(colour: str) -> None:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5
