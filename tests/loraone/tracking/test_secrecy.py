"""What trackers say when they fail shows no key, password or token."""

from __future__ import annotations

import pytest

from loraone.tracking.secrecy import MOST, without_secrets

ENVIRONMENT = {
    "WANDB_API_KEY": "0123456789abcdef",
    "MLFLOW_TRACKING_URI": "https://me:a%2Fb%2Fc%2Fd@tracking.example.org",
    "MLFLOW_TRACKING_TOKEN": "t0ken-of-mine",
    "HOME": "/home/me",
}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("key 0123456789abcdef is wrong", "key *** is wrong"),
        (
            "no route to https://me:a%2Fb%2Fc%2Fd@tracking.example.org/api",
            "no route to https://***@tracking.example.org/api",
        ),
        ("password a/b/c/d was refused", "password *** was refused"),
        ("header Authorization: Bearer abc.def", "header Authorization: Bearer ***"),
        ("GET http://h/x?token=abc failed", "GET http://h/x?*** failed"),
        ("of another: ftp://you:pw@h/", "of another: ftp://***@h/"),
        ("no space in /home/me", "no space in /home/me"),
        ("two\n  lines", "two lines"),
    ],
)
def test_it_is_hidden_and_the_rest_is_said(said: str, shown: str) -> None:
    assert without_secrets(said, ENVIRONMENT) == shown


def test_it_is_short() -> None:
    assert len(without_secrets("no " * 1000, {})) == MOST
