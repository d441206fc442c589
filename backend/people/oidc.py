"""Signing in by an identity provider: OpenID Connect's authorization code flow with PKCE.

Authlib speaks it. What it leaves open is closed here: the issuer is the one that was set and not
the one that an answer names, the audience is this server alone, and a token is signed with a key
that only the provider has.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError

from backend.people.vouched import Vouched
from backend.settings import Settings

log = logging.getLogger(__name__)

# Asymmetric ones: with a shared secret whoever knows the client's could make tokens.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
_TIMEOUT_S = 10.0
_LEEWAY_S = 60

Reason = Literal["state", "provider", "token", "domain", "disabled", "unavailable"]


class SignInFailedError(Exception):
    """Somebody is not signed in; ``reason`` is what the page says in words."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Flow:
    """What a browser keeps until it comes back from the provider."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """The identity provider of these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = settings.oidc_client_secret
        issuer = (settings.oidc_issuer or "").rstrip("/")
        self._client: Any = OAuth().register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=None if secret is None else secret.get_secret_value(),
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.oidc_scopes,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_S,
                **({} if secret is not None else {"token_endpoint_auth_method": "none"}),
            },
        )

    @property
    def _redirect(self) -> str:
        return f"{self._settings.public_url}/api/sign-in/oidc/callback"

    async def begin(self) -> tuple[str, Flow]:
        """The provider's address to go to, and what to come back with. Raises SignInFailedError."""
        try:
            await self._check_metadata()
            made = await self._client.create_authorization_url(self._redirect)
        except (httpx2.HTTPError, ValueError, RuntimeError, AuthlibBaseError) as error:
            raise _failed("unavailable", error) from error
        return str(made["url"]), Flow(made["state"], made["nonce"], made["code_verifier"])

    async def finish(self, code: str, flow: Flow) -> Vouched:
        """Who it is that came back with ``code``. Raises SignInFailedError."""
        try:
            await self._check_metadata()
            token = await self._client.fetch_access_token(
                redirect_uri=self._redirect, code=code, code_verifier=flow.verifier
            )
            claims = await self._claims(token, flow)
        except httpx2.HTTPError as error:
            raise _failed("unavailable", error) from error
        except (JoseError, AuthlibBaseError, ValueError, KeyError, RuntimeError) as error:
            raise _failed("token", error) from error
        return self._vouched(claims)

    async def _check_metadata(self) -> None:
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._settings.oidc_issuer:
            self._client.server_metadata.pop("_loaded_at", None)
            raise ValueError("the provider's metadata names another issuer")
        named = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        metadata["id_token_signing_alg_values_supported"] = [a for a in named if a in ALGORITHMS]

    async def _claims(self, token: dict[str, Any], flow: Flow) -> dict[str, Any]:
        options = {
            "iss": {"essential": True, "value": self._settings.oidc_issuer},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
        }
        claims = await self._client.parse_id_token(
            token, nonce=flow.nonce, claims_options=options, leeway=_LEEWAY_S
        )
        if claims is None or not isinstance(claims.get("sub"), str):
            raise ValueError("the provider sent no token about a person")
        wanted = {"email", self._settings.oidc_name_claim, self._settings.oidc_groups_claim}
        if wanted <= claims.keys() or "userinfo_endpoint" not in self._client.server_metadata:
            return dict(claims)
        more = await self._client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise ValueError("the provider told of another person")
        return {**more, **claims}

    def _vouched(self, claims: dict[str, Any]) -> Vouched:
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        email = str(claims["email"])[:320] if verified else None
        domains = self._settings.email_domains
        if domains and (email is None or email.lower().rpartition("@")[2] not in domains):
            raise SignInFailedError("domain")
        groups = claims.get(self._settings.oidc_groups_claim)
        names = (self._settings.oidc_name_claim, "name", "email", "sub")
        name = next(str(claims[key]) for key in names if claims.get(key))
        return Vouched(
            "oidc",
            str(claims["sub"])[:500],
            name,
            email,
            [str(group) for group in groups] if isinstance(groups, list) else [],
        )


def _failed(reason: Reason, error: Exception) -> SignInFailedError:
    """An error's own text may hold what was sent: its kind alone is written down."""
    log.warning("nobody was signed in by the identity provider: %s (%s)", reason, type(error))
    return SignInFailedError(reason)
