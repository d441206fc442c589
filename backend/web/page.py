"""Serves the built page: files by their hashed names, and the page itself for every view's URL."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

from backend.api.representations import Constant, preferred
from backend.errors import NotFoundError

PAGE = Path(__file__).parents[1] / "page"

_MISSING = (
    "<!doctype html><title>LoRA-One Lab</title><p>The page has not been built. Install the "
    "package with <code>pip install .</code>, or run <code>make page</code> in a checkout.</p>"
)
_READ = ["GET", "HEAD"]
_PACKED = {"br": ".br", "gzip": ".gz"}


class Assets(StaticFiles):
    """Files whose names change with their content, as the build has packed them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, packed as the client likes it best; what is not there is not remembered."""
        if path.endswith(tuple(_PACKED.values())):
            raise NotFoundError("page", f"/assets/{path}")
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """With an ETag of its own for each packing."""
        packings = {
            name: packed
            for name, ending in _PACKED.items()
            if (packed := Path(f"{os.fspath(full_path)}{ending}")).is_file()
        }
        accepted = Headers(scope=scope).get("accept-encoding", "")
        encoding = preferred(accepted, tuple(packings))
        served = packings.get(encoding, Path(full_path))
        response = super().file_response(served, served.stat(), scope, status_code)
        response.headers["Vary"] = "Accept-Encoding"
        if encoding != "identity" and response.status_code != 304:
            response.headers["Content-Encoding"] = encoding
        return response


def mount(app: FastAPI, public_url: str | None = None, folder: Path = PAGE) -> None:
    """Add the page's routes, after those of the API. ``public_url`` is where people find it."""
    root = urlsplit(public_url or "").path
    if (folder / "assets").is_dir():
        app.mount("/assets", Assets(directory=folder / "assets"), name="assets")

    servers = {"servers": [{"url": root}]} if root else {}
    schema = Constant(lambda: bytes(JSONResponse({**app.openapi(), **servers}).body))

    @app.api_route("/api/openapi.json", methods=_READ, include_in_schema=False)
    def openapi(request: Request) -> Response:
        return schema.answer(request)

    @app.api_route("/api/docs", methods=_READ, include_in_schema=False)
    def documentation() -> Response:
        return _html(folder / "docs.html", root, public_url)

    @app.api_route("/{path:path}", methods=_READ, include_in_schema=False)
    def page(path: str) -> Response:
        if f"{path}/".startswith(("api/", "assets/")) or "." in path.rsplit("/", 1)[-1]:
            icon = folder / path
            if path in ("favicon.svg",) and icon.is_file():
                return FileResponse(icon)
            raise NotFoundError("page", f"/{path}")
        return _html(folder / "index.html", root, public_url)


def _html(file: Path, root: str, public_url: str | None) -> Response:
    """A page that is told where it is. Not by a ``base`` element: it would also be the base of
    every ``url(#…)`` in a figure, and of every link to a part of the page."""
    if not file.is_file():
        return HTMLResponse(_MISSING, status_code=503)
    said = {"loraone-root": root, "loraone-url": public_url or ""}
    lines = [f'<meta name="{name}" content="{escape(value)}" />' for name, value in said.items()]
    built = file.read_text(encoding="utf-8")
    page = built.replace("<head>", "\n    ".join(["<head>", *lines]), 1)
    # It names its parts by hash, and must not be kept itself.
    return HTMLResponse(
        page.replace('="./', f'="{escape(root)}/'), headers={"Cache-Control": "no-cache"}
    )
