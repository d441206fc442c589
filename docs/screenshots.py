"""Takes the pictures of the guide from a running server: each page in both themes, and on a phone.

``python docs/screenshots.py http://127.0.0.1:8111 2`` writes pictures of the pages, with experiment
2 as the example, into ``docs/images``. The experiment must be finished and have several methods,
seeds and learning rates. Further arguments are names of pages, and restrict the pictures to these.
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
DESKTOP, PHONE = (1280, 860), (390, 800)


def pages(experiment: int) -> dict[str, str]:
    """The path of each page, by the name of its picture."""
    basket = quote(json.dumps([f"e{experiment}:LoRA", f"e{experiment}:LoRA-One (spectral)"]))
    tab = f"/experiments/{experiment}?tab="
    return {
        "launch": "/launch?preset=fair",
        "queue": "/queue",
        "history": "/history",
        "overview": f"{tab}overview",
        "curves": f"{tab}curves",
        "learning-rate": f"{tab}learning-rate",
        "spectra": f"{tab}spectra&layer=18",
        "alignment": f"{tab}alignment",
        "runs": f"{tab}runs",
        "compare": f"/compare?of={basket}&tab=curves",
        "theory": "/theory?preset=O3",
        "settings": "/settings",
    }


def save(browser: Browser, url: str, name: str, theme: str, size: tuple[int, int]) -> None:
    """Save one picture, once the figures of the page are drawn and animations have ended."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page.goto(url)
    page.get_by_role("heading", level=2).first.wait_for()
    _wait_for_figures(page)
    page.evaluate("document.activeElement.blur()")
    picture = Image.open(io.BytesIO(page.screenshot()))
    suffix = "phone" if size == PHONE else theme
    # 256 colours suffice for pages and figures, and halve the file size.
    picture.quantize(256, method=Image.Quantize.MEDIANCUT).save(
        IMAGES / f"{name}-{suffix}.png", optimize=True
    )
    page.close()


def _wait_for_figures(page: Page) -> None:
    page.wait_for_load_state("networkidle" if "/theory" in page.url else "load")
    page.wait_for_timeout(6000 if "/theory" in page.url else 2500)


def main() -> None:
    """Save all pictures, or those of the pages named in the arguments."""
    server, experiment, only = sys.argv[1].rstrip("/"), int(sys.argv[2]), sys.argv[3:]
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path in pages(experiment).items():
            if only and name not in only:
                continue
            for theme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)):
                save(browser, server + path, name, theme, size)
        browser.close()


if __name__ == "__main__":
    main()
