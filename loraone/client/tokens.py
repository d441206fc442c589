"""Access tokens on this machine: one for each server, in a file that nobody else can read.

``LORAONE_SERVER`` and ``LORAONE_TOKEN`` go before what is kept. A token is for one server: that
of ``LORAONE_TOKEN`` is for ``LORAONE_SERVER`` where both are set.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs
from pydantic import SecretStr

from loraone.client.addresses import server_url
from loraone.client.errors import ClientError

SERVER, TOKEN = "LORAONE_SERVER", "LORAONE_TOKEN"

# What can stand in a header: a longer or other one would be a sentence, or half of a paste.
_TOKEN = re.compile(r"[!-~]{1,500}")


def checked(token: str) -> SecretStr:
    """A token as it can be sent. Raises ClientError, which does not repeat it."""
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        allowed = "up to 500 letters, digits and signs without spaces, such as loraone_…"
        raise ClientError("this is no access token", field="token", allowed=allowed)
    return SecretStr(token)


def file() -> Path:
    """Where they are kept."""
    return platformdirs.user_config_path("loraone") / "tokens.json"


def kept() -> dict[str, str]:
    """The tokens by the address of their server, the one used at last at the end.

    Raises ClientError where the file is not what :func:`keep` writes.
    """
    path = file()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ClientError(f"{path} cannot be read: {type(error).__name__}") from error
    if not isinstance(found, dict) or not all(isinstance(token, str) for token in found.values()):
        raise ClientError(f"{path} is not what 'loraone login' writes; delete it and log in again")
    return found


def keep(url: str, token: SecretStr) -> None:
    """Keep the token of a server, which is the usual server from now on."""
    others = {known: value for known, value in kept().items() if known != url}
    _write({**others, url: token.get_secret_value()})


def forget(url: str) -> bool:
    """Keep the token of a server no more; False where there was none."""
    known = kept()
    if url not in known:
        return False
    del known[url]
    _write(known)
    return True


def usual_server() -> str:
    """The server that is meant where none is named: ``LORAONE_SERVER``, or the last login's.

    Raises ClientError where there is none.
    """
    named = os.environ.get(SERVER) or next(reversed(kept()), None)
    if named is None:
        hint = f"give its address, set {SERVER}, or run 'loraone login URL'"
        raise ClientError("no server is named", field="url", hint=hint)
    return server_url(named)


def token_of(url: str) -> SecretStr | None:
    """The token for a server: ``LORAONE_TOKEN``, unless that is another's, or the one kept."""
    given, whose = os.environ.get(TOKEN), os.environ.get(SERVER)
    if given and (not whose or server_url(whose) == url):
        return checked(given)
    found = kept().get(url)
    return None if found is None else checked(found)


def _write(tokens: Mapping[str, str]) -> None:
    """As a whole or not at all, never readable for others."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")  # 0600 from the start
    try:
        with os.fdopen(number, "w", encoding="utf-8") as written:
            json.dump(tokens, written, indent=1)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
