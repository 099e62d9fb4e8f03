"""Draw the PNG icons of the installed page from ``web/icon.svg``.

    python -m export icons

Chromium draws them, so ``pip install -r requirements.txt`` and the Debian package ``chromium`` are needed.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

WEB = Path(__file__).parents[2] / "web"
ICONS = {"192.png": 192, "512.png": 512, "maskable.png": 512}  # Height and width in pixels.
ROUND_CORNERS = 'rx="14"'


def icons(args: argparse.Namespace) -> None:
    """Write ``web/icons``; the maskable one has square corners, since phones cut their own shape."""
    svg = (WEB / "icon.svg").read_text()
    (WEB / "icons").mkdir(exist_ok=True)
    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, side in ICONS.items():
            page = chromium.new_page(viewport={"width": side, "height": side})
            drawn = svg.replace(ROUND_CORNERS, "") if name == "maskable.png" else svg
            page.set_content(f"<style>body {{margin: 0}} svg {{display: block; width: {side}px}}</style>{drawn}")
            page.screenshot(path=WEB / "icons" / name, omit_background=True)
        chromium.close()
