"""Where notices may be sent, and for how long it is kept who did what."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, field_validator

from backend.settings.checks import networks, parts
from backend.settings.sign_in import SignInSettings

_SCHEMA = re.compile(r"[a-z0-9][a-z0-9+.-]{0,39}")
# They talk to a desktop or the system's log: on a server nobody would see it.
_LOCAL = frozenset(("blink1", "dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"))
USUAL_SCHEMAS = (
    "mailto, mailtos, slack, discord, msteams, workflow, workflows, json, jsons, form, forms, "
    "ntfy, ntfys, gotify, gotifys, matrix, matrixs, tgram, mmost, mmosts, rocket, rockets, gchat, "
    "zulip, pover, wxteams"
)


class NoticeSettings(SignInSettings):
    """The part of the settings that is about notices and the audit trail."""

    notice_schemas: str = Field(
        USUAL_SCHEMAS,
        max_length=5000,
        description="What addresses may begin with that people have their notices sent to, by "
        "apprise's names for services, separated by commas; empty: notices are sent nowhere",
    )
    notice_networks: str = Field(
        "",
        max_length=2000,
        description="Addresses or networks, separated by commas, that notices are sent to though "
        "they are private, loopback or link-local, such as the mail server 10.0.0.5; default: none",
    )
    notice_proxy_names: bool = Field(
        False,
        description="Let the proxy of `HTTPS_PROXY` look up hosts of notices that this server does "
        "not know; where a private address is reached by that, the proxy has to refuse it",
    )
    audit_days: float | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Days after which rows of the audit trail are removed; default: they are kept",
    )

    @field_validator("notice_schemas")
    @classmethod
    def _schemas(cls, text: str) -> str:
        for name in parts(text.lower()):
            if not _SCHEMA.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of a service; allowed: such as mailtos, slack"
                )
            if name in _LOCAL:
                raise ValueError(f"{name!r} sends to no one but the machine itself, and is refused")
        return text

    @field_validator("notice_networks")
    @classmethod
    def _reachable(cls, text: str) -> str:
        networks(text)
        return text

    @property
    def sent_by(self) -> frozenset[str]:
        """What addresses of notices may begin with."""
        return frozenset(parts(self.notice_schemas.lower()))

    @property
    def reachable(self) -> list[IPv4Network | IPv6Network]:
        """Networks that notices are sent to though they are not public."""
        return networks(self.notice_networks)
