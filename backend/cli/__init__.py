"""The command line, ``loraone``."""

from __future__ import annotations


def main() -> None:
    """The console script's entry point."""
    try:
        # Here, for they take most of a second, in which somebody may have thought better of it.
        from backend.cli.commands import app
        from backend.cli.failures import open_streams

        open_streams()
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
