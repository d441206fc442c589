"""Ports for servers that begin later than their port is chosen."""

from __future__ import annotations

import random
import socket

# Below those that systems give to connections and to whoever asks for any (Linux from 32768, others
# from 49152): one of these would be somebody else's before its server begins. Each process draws
# for itself.
_FIRST, _LAST = 15_000, 31_000
_draw = random.SystemRandom()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on, and that nobody is given by chance."""
    while True:
        port = _draw.randint(_FIRST, _LAST)
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind((address, port))
            except OSError:
                continue
            return port
