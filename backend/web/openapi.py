"""Writes the OpenAPI document that the page's types are generated from.

``python -m backend.web.openapi`` writes ``frontend/src/api/openapi.json``; with ``--check`` it
fails where the file is not what the server says today.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from backend.settings import Settings
from backend.web.app import create_app

TARGET = Path(__file__).parents[2] / "frontend" / "src" / "api" / "openapi.json"


def document() -> str:
    """The document as text, keys in a fixed order. The version is left out: it is no contract."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings(home=Path(home)))
        schema = app.openapi()
        app.state.database.close()
    schema["info"]["version"] = "0"
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or check; the exit status says whether the file was what it should be."""
    text = document()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") != text:
        print(f"{TARGET.name} is stale: run 'make types' and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
