"""How busy the machine is: limits of time are of one that has nothing else to do."""

from __future__ import annotations

import os

# Two threads of a core share its units, and processes one cache: also a processor's own time grows.
SHARED = 2.0


def busy() -> float:
    """By what a limit of time is multiplied: by how many processes each core has had to share, in
    the last minute."""
    return SHARED * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
