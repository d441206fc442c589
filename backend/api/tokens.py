"""One's access tokens, with which programs come."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import CallerDep, CallersDep, DatabaseDep, FeedDep, Key, Reading
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.tokens import TokenIn, TokenMadeOut, TokenOut
from backend.errors import NotFoundError
from backend.people import audit, tokens

router = APIRouter(route_class=JsonRoute, tags=["people"])


@router.get("/tokens")
@fresh("it is another for everybody")
@needs("read")
def list_tokens(session: Reading, caller: CallerDep) -> list[TokenOut]:
    """One's own tokens, the newest first."""
    rows = [] if caller.person is None else tokens.listed(session, caller.person)
    return [TokenOut.model_validate(row) for row in rows]


@router.post("/tokens", status_code=201, responses=refuses(409))
@needs("read", account=True)
def make_token(given: TokenIn, caller: CallerDep, database: DatabaseDep) -> TokenMadeOut:
    """A new token, which may no more than oneself."""
    with database.write() as session:
        secret, row = tokens.make(session, caller, given.name, given.scope, given.days)
        audit.note(session, caller, "token made", f"token {row.id}", row.scope)
        made = TokenOut.model_validate(row)
    return TokenMadeOut(**made.model_dump(), secret=secret)


@router.delete("/tokens/{token_id}", status_code=204)
@needs("read", account=True)
def delete_token(
    token_id: Key, caller: CallerDep, callers: CallersDep, database: DatabaseDep, feed: FeedDep
) -> None:
    """Let a token of one's own work no more."""
    with database.write() as session:
        if not tokens.delete(session, caller.person, token_id):
            raise NotFoundError("token", token_id)
        audit.note(session, caller, "token deleted", f"token {token_id}")
    callers.forget()
    feed.wake()
