"""Takes the guide's pictures from a running server: each page in both themes, and on a phone.

``python docs/screenshots.py http://127.0.0.1:8111 2`` photographs experiment 2, a finished one of
several methods, seeds and learning rates, and writes into ``docs/images``. Names of pages behind it
take those alone.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
DESK, PHONE = (1280, 860), (390, 800)


def pages(experiment: int) -> dict[str, str]:
    """What is photographed, by the picture's name."""
    of = quote(json.dumps([f"e{experiment}:LoRA", f"e{experiment}:LoRA-One (spectral)"]))
    own = f"/experiments/{experiment}?tab="
    return {
        "launch": "/launch?preset=fair",
        "queue": "/queue",
        "history": "/history",
        "overview": f"{own}overview",
        "curves": f"{own}curves",
        "learning-rate": f"{own}learning-rate",
        "spectra": f"{own}spectra&layer=18",
        "alignment": f"{own}alignment",
        "runs": f"{own}runs",
        "compare": f"/compare?of={of}&tab=curves",
        "theory": "/theory?preset=O3",
        "settings": "/settings",
    }


def take(browser: Browser, url: str, name: str, theme: str, size: tuple[int, int]) -> None:
    """One picture, once the page's figures have been drawn and nothing moves any more."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page.goto(url)
    page.get_by_role("heading", level=2).first.wait_for()
    _settle(page)
    page.evaluate("document.activeElement.blur()")
    picture = Image.open(io.BytesIO(page.screenshot()))
    suffix = "phone" if size == PHONE else theme
    # 256 colours are enough for pages and figures, and half of the size.
    picture.quantize(256, method=Image.Quantize.MEDIANCUT).save(
        IMAGES / f"{name}-{suffix}.png", optimize=True
    )
    page.close()


def _settle(page: Page) -> None:
    page.wait_for_load_state("networkidle" if "/theory" in page.url else "load")
    page.wait_for_timeout(6000 if "/theory" in page.url else 2500)


def main() -> None:
    """Take all of them."""
    server, experiment, only = sys.argv[1].rstrip("/"), int(sys.argv[2]), sys.argv[3:]
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path in pages(experiment).items():
            if only and name not in only:
                continue
            for theme, size in (("light", DESK), ("dark", DESK), ("light", PHONE)):
                take(browser, server + path, name, theme, size)
        browser.close()


if __name__ == "__main__":
    main()
