"""What people may do here, and what of it a token may.

A route needs one right: ``read`` shows; ``launch`` uses devices and changes what is one's own;
``admin`` is about other people and the machine.
"""

from __future__ import annotations

from typing import get_args

from backend.storage.tables import Right, Role

__all__ = ["NEEDED", "RIGHTS", "ROLES", "Right", "Role", "rights"]

ROLES: tuple[Role, ...] = get_args(Role)
RIGHTS: tuple[Right, ...] = get_args(Right)

# Each has those of the one before.
_OF_ROLE: dict[Role, tuple[Right, ...]] = {
    "viewer": ("read",),
    "editor": ("read", "launch"),
    "administrator": ("read", "launch", "admin"),
}
NEEDED: dict[Right, Role] = {"read": "viewer", "launch": "editor", "admin": "administrator"}


def rights(role: Role, scope: Right = "admin") -> frozenset[Right]:
    """The rights of a role; of those, the ones that a token of ``scope`` has."""
    return frozenset(_OF_ROLE[role]) & frozenset(RIGHTS[: RIGHTS.index(scope) + 1])
