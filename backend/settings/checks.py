"""Checks of values from outside; each raises ValueError with what is allowed."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

DATABASES = ("sqlite", "postgresql+psycopg")


def is_text(value: str) -> bool:
    """Whether it is UTF-8 (what is not comes from the system as half characters), on one line."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(letter) < 32 or ord(letter) == 127 for letter in value)


def folder(path: Path) -> Path:
    """The absolute path of a folder. Raises ValueError for a name that none can have."""
    if not is_text(str(path)):
        raise ValueError("has a name that is not UTF-8, or with characters that cannot be printed")
    try:
        return path.expanduser().resolve()
    except RuntimeError as error:  # no such ~user, no home at all, links in a circle
        raise ValueError(f"cannot be resolved: {error} Name an absolute path") from error
    except OSError as error:
        raise ValueError(f"cannot be resolved: {error.strerror}") from error


def parts(text: str) -> list[str]:
    """What stands between commas, without spaces around it; what is empty is left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks that are separated by commas. Raises ValueError for what is none."""
    found = []
    for part in parts(text):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            raise ValueError(
                f"{part!r} is no address and no network; "
                "allowed: such as 127.0.0.1, 10.0.0.0/8, ::1"
            ) from error
    return found


def check_database(url: str) -> None:
    """Raise ValueError, without what may be a password, for what is no URL of a database here."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    allowed = f"allowed: SQLAlchemy URLs that begin with {' or '.join(DATABASES)}"
    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ValueError(f"is no URL of a database; {allowed}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql") or dialect.is_async:
        raise ValueError(f"{parsed.drivername} is not supported; {allowed}")
    try:
        dialect.import_dbapi()
    except ImportError as error:
        raise ValueError(
            f"{parsed.drivername} needs a package that is not installed ({error}): "
            "pip install 'loraone-lab[postgresql]'"
        ) from error
