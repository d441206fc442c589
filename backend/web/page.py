"""Serves the built page: files by their hashed names, and the page itself for every view's URL."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from backend.errors import NotFoundError

PAGE = Path(__file__).parents[1] / "page"

_MISSING = (
    "<!doctype html><title>LoRA-One Lab</title><p>The page has not been built. Install the "
    "package with <code>pip install .</code>, or run <code>make page</code> in a checkout.</p>"
)


def mount(app: FastAPI, folder: Path = PAGE) -> None:
    """Add the page's routes, after those of the API."""
    if (folder / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=folder / "assets"), name="assets")

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        if path.startswith("api/") or "." in path.rsplit("/", 1)[-1]:
            icon = folder / path
            if path in ("favicon.svg",) and icon.is_file():
                return FileResponse(icon)
            raise NotFoundError("page", f"/{path}")
        index = folder / "index.html"
        if not index.is_file():
            return HTMLResponse(_MISSING, status_code=503)
        # The page names its parts by hash; it must not be cached itself.
        return FileResponse(index, headers={"Cache-Control": "no-cache"})
