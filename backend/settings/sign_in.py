"""Who vouches for people, an identity provider or a proxy, and which role they have by that."""

from __future__ import annotations

import re
from typing import get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from backend.settings.access import AccessSettings, RoleName
from backend.settings.checks import parts

_GROUP = re.compile(r"(?P<group>[^=,]+)=(?P<role>[a-z]+)")
_SECRET = re.compile(r"[\x20-\x7e]{1,1000}")  # RFC 6749, appendix A.2
_HEADER = r"^[A-Za-z0-9-]{1,100}$"
_RANK: dict[RoleName, int] = {role: rank for rank, role in enumerate(get_args(RoleName))}


class SignInSettings(AccessSettings):
    """The part of the settings that says whose word is taken about people."""

    administrators: str = Field(
        "",
        max_length=5000,
        description="Names or verified email addresses, separated by commas, of people who are "
        "made administrators when they come by an identity provider or a proxy; who is taken off "
        "stays one until their role is changed on the page",
    )
    role_groups: str = Field(
        "",
        max_length=5000,
        description="Roles by the groups that an identity provider or a proxy names, such as "
        "`lab-admins=administrator,lab=editor`; without it, roles are given on the page",
    )
    oidc_issuer: str | None = Field(
        None, max_length=500, description="Address of the OpenID Connect identity provider"
    )
    oidc_client_id: str | None = Field(
        None, max_length=500, description="What the identity provider calls this server"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="The secret that the identity provider gave this server, if it did"
    )
    oidc_scopes: str = Field(
        "openid email profile",
        max_length=500,
        description="What the identity provider is asked about people; some need `groups`",
    )
    oidc_name_claim: str = Field(
        "preferred_username", max_length=100, description="The claim that is a person's name"
    )
    oidc_groups_claim: str = Field(
        "groups", max_length=100, description="The claim that lists a person's groups"
    )
    oidc_domains: str = Field(
        "",
        max_length=2000,
        description="Domains, separated by commas, of the verified email addresses that may sign "
        "in; default: whoever the identity provider lets",
    )
    proxy_user_header: str = Field(
        "X-Forwarded-User",
        pattern=_HEADER,
        description="Header in which a trusted proxy names who asks",
    )
    proxy_groups_header: str = Field(
        "X-Forwarded-Groups",
        pattern=_HEADER,
        description="Header in which a trusted proxy lists their groups, separated by commas",
    )

    @field_validator("role_groups")
    @classmethod
    def _groups(cls, text: str) -> str:
        for part in parts(text):
            match = _GROUP.fullmatch(part)
            if match is None or match["role"] not in _RANK:
                raise ValueError(
                    f"{part!r} gives no group a role; allowed: such as lab=editor, with the roles "
                    f"{', '.join(_RANK)}"
                )
        return text

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, issuer: str | None) -> str | None:
        if issuer is not None:
            parts = urlsplit(issuer)
            loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
            if not parts.hostname or parts.scheme not in ("https", *(["http"] * loopback)):
                raise ValueError("is no issuer; allowed: an https address, as the provider says it")
            if parts.query or parts.fragment or "@" in parts.netloc:
                raise ValueError("is no issuer: it has no query, no fragment and no user")
        return issuer

    @field_validator("oidc_client_secret")
    @classmethod
    def _secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not _SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("cannot be; allowed: 1 to 1000 printable ASCII characters")
        return secret

    @model_validator(mode="after")
    def _complete(self) -> SignInSettings:
        """What a mode needs is there."""
        needs = {
            "oidc": ("oidc_issuer", "oidc_client_id", "public_url"),
            "proxy": ("trusted_proxies",),
        }
        missing = [name for name in needs.get(self.auth, ()) if not getattr(self, name)]
        if missing:
            names = " and ".join(f"LORAONE_{name.upper()}" for name in missing)
            raise ValueError(f"LORAONE_AUTH = {self.auth!r} needs {names} too")
        if self.auth == "oidc" and "openid" not in self.oidc_scopes.split():
            raise ValueError("LORAONE_OIDC_SCOPES must name openid")
        return self

    @property
    def email_domains(self) -> frozenset[str]:
        """The domains that may sign in; empty: all."""
        return frozenset(parts(self.oidc_domains.lower()))

    @property
    def administrator_names(self) -> frozenset[str]:
        """Who is an administrator by name or email address, in lower case."""
        return frozenset(parts(self.administrators.lower()))

    def role_of(self, groups: list[str]) -> RoleName:
        """The highest role that a group gives, or else the default one."""
        given = [_GROUP.fullmatch(part) for part in parts(self.role_groups)]
        roles: dict[str, str] = {match["group"]: match["role"] for match in given if match}
        found = [role for role in _RANK if role in {roles.get(group) for group in groups}]
        return max(found, key=_RANK.__getitem__, default=self.default_role)
