"""The history's search language: words, and ``key:value`` terms such as ``method:lora-one``.

    method:lora-one model:minilm data:csv task:causal-lm by:ana tag:paper status:failed
    since:2026-10 until:2026-11-05 lr>1e-4 rank=8 seed<3 is:starred is:archived -tag:old "two words"

Every term must hold; a minus in front turns one around. Archived experiments are left out unless
``is:archived`` or ``is:any`` asks for them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from backend.storage.audience import audience
from backend.storage.store import summaries
from backend.storage.store.visible import visible
from backend.storage.tables import STATUSES, Experiment, Run, Tag

_TERM = re.compile(
    r"""(?P<minus>-)?(?:(?P<key>[a-z_]+)(?P<op>:|>=|<=|>|<|=))?(?P<value>"[^"]*"|\S+)""",
    re.IGNORECASE,
)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")

# Whoever asks.
ME = "me"

Condition = ColumnElement[bool]


class SearchError(ValueError):
    """A term cannot be understood: what it is, and what would be allowed."""

    def __init__(self, term: str, message: str, allowed: str) -> None:
        super().__init__(f"{term}: {message}; allowed: {allowed}")
        self.term = term
        self.message = message
        self.allowed = allowed


@dataclass(frozen=True)
class Term:
    """One part of a search; ``key`` is empty for a plain word."""

    key: str
    op: str
    value: str
    minus: bool

    def __str__(self) -> str:
        return f"{'-' if self.minus else ''}{self.key}{self.op}{self.value}"


def parse(text: str) -> list[Term]:
    """The terms of a search, in order."""
    terms = []
    for match in _TERM.finditer(text):
        key, op = match["key"], match["op"]
        value = match["value"].strip('"')
        if key is not None and key.lower() not in KEYS:
            if op != ":" or value.startswith("//"):  # such as a<b, or an address
                key, op, value = None, None, match[0].lstrip("-").strip('"')
            else:
                raise SearchError(match[0], f"{key} is no key", ", ".join(KEYS))
        if value:
            terms.append(Term((key or "").lower(), op or "", value, bool(match["minus"])))
    return terms


def asks_for_me(text: str) -> bool:
    """Whether what it finds depends on who asks."""
    try:
        return any(term.key == "by" and term.value.lower() == ME for term in parse(text))
    except SearchError:
        return False


def condition(text: str) -> Condition:
    """What an experiment must fulfil. Raises SearchError for a term that makes no sense."""
    terms = parse(text)
    conditions: list[Condition] = [visible(Experiment), *(_one(term) for term in terms)]
    asked = {term.value.lower() for term in terms if term.key == "is"}
    if not asked & {"archived", "any"}:
        conditions.append(Experiment.archived.is_(False))
    return and_(true(), *conditions)


def _one(term: Term) -> Condition:
    holds = KEYS[term.key].condition(term) if term.key else _contains(Experiment.search_text, term)
    return not_(holds) if term.minus else holds


def _contains(column: InstrumentedAttribute[str], term: Term) -> Condition:
    return func.lower(column).contains(term.value.lower(), autoescape=True)


# Experiments again, to look at nothing but the index of a column.
_Other = aliased(Experiment)


def _where(holds: Condition) -> Condition:
    return Experiment.id.in_(select(_Other.id).where(holds))


def _run(holds: Condition) -> Condition:
    return exists(select(Run.id).where(Run.experiment_id == Experiment.id, holds))


def _in_status(*statuses: str) -> Condition:
    """Has a run in one of these; read once, not for every experiment."""
    return Experiment.id.in_(select(Run.experiment_id).where(Run.status.in_(statuses)))


def _tag(term: Term) -> Condition:
    holds = Tag.name == term.value.lower()
    return Experiment.id.in_(select(Tag.experiment_id).where(holds))


def _status(term: Term) -> Condition:
    value = term.value.lower()
    if value not in STATUSES:
        raise SearchError(str(term), "is no status", ", ".join(STATUSES))
    # Most runs have succeeded: those are looked up where nothing else is there.
    has = _run(Run.status == value) if value == summaries.SHOWN[-1] else _in_status(value)
    before = summaries.SHOWN[: summaries.SHOWN.index(value)]
    return and_(not_(_in_status(*before)), has) if before else has


def _flag(term: Term) -> Condition:
    flags: dict[str, Condition] = {
        "starred": _where(_Other.starred.is_(True)),
        "archived": Experiment.archived.is_(True),
        "any": true(),
    }
    if term.value.lower() not in flags:
        raise SearchError(str(term), "is no property", ", ".join(flags))
    return flags[term.value.lower()]


def _when(term: Term) -> Condition:
    match = _DATE.fullmatch(term.value)
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in match.groups())
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
    except ValueError as error:
        raise SearchError(str(term), "is no date", "2026, 2026-10, or 2026-10-05") from error
    if term.key == "since":
        return _where(_Other.created_at >= first)
    if day is not None:
        end = first + timedelta(days=1)
    elif month is not None:
        end = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    else:
        end = first.replace(year=first.year + 1)
    return _where(_Other.created_at < end)


def _number(column: InstrumentedAttribute[Any]) -> Callable[[Term], Condition]:
    def compare(term: Term) -> Condition:
        try:
            value = float(term.value)
        except ValueError as error:
            raise SearchError(str(term), "is no number", "such as 1e-4") from error
        if not math.isfinite(value):
            raise SearchError(str(term), "is no finite number", "such as 1e-4")
        # A learning rate is read as it was written: 1e-4 finds 0.0001 whatever its last bit.
        low, high = value - 1e-9 * abs(value), value + 1e-9 * abs(value)
        near = column.between(low, high)
        holds = {
            ":": near,
            "=": near,
            ">": column > high,
            "<": column < low,
            ">=": column >= low,
            "<=": column <= high,
        }
        return _run(holds.get(term.op, false()))

    return compare


def _by(term: Term) -> Condition:
    if term.value.lower() == ME:
        return _where(_Other.author == audience().me)
    return _where(_contains(_Other.author, term))


@dataclass(frozen=True)
class Key:
    """A key of the language: what a term with it demands, and how it is documented."""

    condition: Callable[[Term], Condition]
    help: str
    example: str


KEYS: dict[str, Key] = {
    "method": Key(
        lambda term: summaries.has_method(term.value),
        "Has a run of this method: its name, or a part of its label",
        "method:lora-one",
    ),
    "model": Key(
        lambda term: _where(_contains(_Other.model, term)),
        "The model's id or path contains this text",
        "model:minilm",
    ),
    "data": Key(
        lambda term: _where(_contains(_Other.data, term)),
        "The data source contains this text",
        "data:csv",
    ),
    "task": Key(
        lambda term: _where(_contains(_Other.task, term)),
        "The task's name contains this text",
        "task:causal-lm",
    ),
    "by": Key(
        _by,
        "The name of whoever launched it contains this text; `by:me`: it is yours",
        "by:me",
    ),
    "tag": Key(_tag, "Has exactly this tag", "tag:paper"),
    "status": Key(_status, f"The experiment's status: {', '.join(STATUSES)}", "status:failed"),
    "is": Key(
        _flag,
        "`starred`; `archived`; or `any`, which includes archived experiments in the search",
        "is:starred",
    ),
    "since": Key(_when, "Launched in or after this year, month or day (UTC)", "since:2026-10"),
    "until": Key(
        _when, "Launched before the end of this year, month or day (UTC)", "until:2026-11-05"
    ),
    "lr": Key(_number(Run.learning_rate), "Has a run with such a learning rate", "lr>1e-4"),
    "rank": Key(_number(Run.rank), "Has a run with such a rank", "rank=8"),
    "seed": Key(_number(Run.seed), "Has a run with such a seed", "seed<3"),
}
