"""Who may come, and from where: how people sign in, and the address under which they find this."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from backend.settings.checks import networks

LOOPBACK = ("127.0.0.1", "localhost", "::1")

AuthMode = Literal["none", "local", "oidc", "proxy"]
RoleName = Literal["viewer", "editor", "administrator"]

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
# What the server's own addresses begin with: of /api/x nobody could say whether a proxy has taken
# a path /api off.
OWN_PATHS = ("api", "assets")
_USUAL_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


class AccessSettings(BaseSettings):
    """The part of the settings that a server for a team needs."""

    auth: AuthMode = Field(
        "none",
        description="How people sign in: none (whoever reaches this machine's loopback address), "
        "local accounts with passwords, oidc (an identity provider), or proxy (a trusted proxy "
        "names them)",
    )
    public_url: str | None = Field(
        None,
        max_length=500,
        description="Address under which people find the server, such as "
        "https://lab.example.org/lora; default: the address that it listens on",
    )
    trusted_proxies: str = Field(
        "",
        max_length=2000,
        description="Addresses or networks, separated by commas, whose word about a request's "
        "origin is taken",
    )
    default_role: RoleName = Field(
        "viewer", description="Role of people who come by an identity provider or a proxy"
    )
    session_idle_hours: float = Field(
        168, gt=0, le=10_000, description="A sign-in that is not used for so long has ended"
    )
    session_hours: float = Field(
        720, gt=0, le=10_000, description="A sign-in ends after this time however it is used"
    )

    @field_validator("public_url")
    @classmethod
    def _address(cls, address: str | None) -> str | None:
        """As browsers write it: the host in lower case, no usual port, no slash at the end."""
        if address is None:
            return None
        may = "allowed: such as https://lab.example.org or https://lab.example.org/lora"
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"is no address: {error}; {may}") from error
        path = parts.path.rstrip("/")
        host = (parts.hostname or "").lower()
        fits = parts.scheme in ("http", "https") and _HOST.fullmatch(host) and port != 0
        more = parts.query or parts.fragment or "@" in parts.netloc
        folders = path.split("/")[1:]
        if not fits or more or not _PATH.fullmatch(path) or {".", ".."} & set(folders):
            raise ValueError(f"is no address of a server; {may}")
        if folders[:1] and folders[0] in OWN_PATHS:
            taken = " and ".join(f"/{name}" for name in OWN_PATHS)
            raise ValueError(f"has a path that begins with /{folders[0]}; {taken} are the server's")
        named = f"[{ip_address(host)}]" if ":" in host else host
        usual = port is None or port == _USUAL_PORTS[parts.scheme]
        return f"{parts.scheme}://{named}" + ("" if usual else f":{port}") + path

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        networks(text)
        return text

    @property
    def root_path(self) -> str:
        """The path of the public address, such as ``/lora``; empty where it has none."""
        return urlsplit(self.public_url).path if self.public_url else ""

    @property
    def public_origin(self) -> str | None:
        """What browsers call ``Origin`` of a page under the public address."""
        return self.public_url.removesuffix(self.root_path) if self.public_url else None

    @property
    def public_host(self) -> str | None:
        """The public address's host, as in a ``Host`` header without a port."""
        return urlsplit(self.public_url).hostname if self.public_url else None

    @property
    def behind_tls(self) -> bool:
        """Whether people come by https."""
        return self.public_url is not None and self.public_url.startswith("https:")

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks of the trusted proxies."""
        return networks(self.trusted_proxies)
