"""Signing in by an identity provider: there and back again, and a session's cookie at the end."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import asdict
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from backend.api.answers import Responses, refuses
from backend.api.cookies import FlowCookieDep, SessionCookie, SessionCookieDep
from backend.api.deps import CallersDep, DatabaseDep, ProviderDep, SettingsDep
from backend.api.kept import fresh
from backend.api.rights import open_to_all
from backend.errors import NotFoundError
from backend.people import audit, sign_ins, vouched
from backend.people.oidc import Flow, SignInFailedError
from backend.settings import Settings
from backend.storage.database import Database

router = APIRouter(tags=["people"])

# A path of the page: one slash first, so that no browser takes it for another site.
_PAGE = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")
_REDIRECT: Responses = {302: {"description": "To where it goes on"}, **refuses(404)}


@router.get("/sign-in/oidc", response_class=RedirectResponse, status_code=302, responses=_REDIRECT)
@fresh("it begins something")
@open_to_all("whoever signs in has not yet")
async def begin(
    settings: SettingsDep,
    provider: ProviderDep,
    kept: FlowCookieDep,
    next: Annotated[
        str, Query(max_length=2000, description="Path of the page to come back to")
    ] = "/",
) -> RedirectResponse:
    """Go to the identity provider."""
    _check(settings)
    try:
        url, flow = await provider.begin()
    except SignInFailedError as error:
        return _failed(settings, error)
    answer = RedirectResponse(url, 302, headers={"Cache-Control": "no-store"})
    back = next if _PAGE.fullmatch(next) else "/"
    kept.give(_packed({**asdict(flow), "next": back}), answer)
    return answer


@router.get(
    "/sign-in/oidc/callback", response_class=RedirectResponse, status_code=302, responses=_REDIRECT
)
@fresh("it signs somebody in")
@open_to_all("whoever signs in has not yet")
async def finish(
    settings: SettingsDep,
    provider: ProviderDep,
    database: DatabaseDep,
    callers: CallersDep,
    cookie: SessionCookieDep,
    flow_cookie: FlowCookieDep,
    state: Annotated[str, Query(max_length=2000)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> RedirectResponse:
    """Come back from the identity provider, and be signed in or be told why not."""
    _check(settings)
    kept = _unpacked(flow_cookie.value)
    try:
        flow = _flow(kept, state)
        if not code:  # somebody turned back there, or may not
            raise SignInFailedError("provider")
        said = await provider.finish(code, flow)
        secret = await run_in_threadpool(_sign_in, database, settings, said, cookie)
    except SignInFailedError as error:
        answer = _failed(settings, error)
    else:
        callers.forget()
        answer = RedirectResponse(f"{settings.root_path}{kept['next']}", 302)
        cookie.give(secret, answer)
    answer.headers["Cache-Control"] = "no-store"
    flow_cookie.take_away(answer)
    return answer


def _check(settings: Settings) -> None:
    if settings.auth != "oidc":
        raise NotFoundError("identity provider of", "this server")


def _sign_in(
    database: Database, settings: Settings, said: vouched.Vouched, cookie: SessionCookie
) -> str:
    """A session of whoever was vouched for. Raises SignInFailedError."""
    with database.write() as session:
        person = vouched.person_of(session, settings, said)
        if not person.disabled:
            audit.note(session, audit.of_person(person, cookie.address), "sign-in")
            return sign_ins.begin(session, settings, person, cookie.address, cookie.browser)
        audit.note(session, audit.of_person(person, cookie.address), "sign-in failed")
    raise SignInFailedError("disabled")


def _flow(kept: dict[str, str], state: str) -> Flow:
    """What this browser went there with. Raises SignInFailedError for one that did not."""
    if not kept or not state or not hmac.compare_digest(kept["state"].encode(), state.encode()):
        raise SignInFailedError("state")
    return Flow(kept["state"], kept["nonce"], kept["verifier"])


def _failed(settings: Settings, error: SignInFailedError) -> RedirectResponse:
    return RedirectResponse(f"{settings.root_path}/sign-in?failed={quote(error.reason)}", 302)


def _packed(values: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _unpacked(text: str) -> dict[str, str]:
    """What :func:`_packed` made; empty where it is anything else."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        return {}
    names = {"state", "nonce", "verifier", "next"}
    if not isinstance(values, dict) or values.keys() != names:
        return {}
    if not all(isinstance(value, str) for value in values.values()):
        return {}
    return values if _PAGE.fullmatch(values["next"]) else {}
