"""Make the README's picture of a demo's report, in a headless Chromium.

``python tools/report_picture.py demo/report.html docs/images/demo-report.png``
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

_WIDTH, _HEIGHT = 1180, 1600  # CSS pixels: headline, steps, and the figures before and after
_COLOURS = 250  # of the palette, which keeps the file below 200 KB


def main(report: str, picture: str) -> None:
    """Write the upper part of a page as PNG.

    Args:
        report: page of ``pen-mobile demo``.
        picture: file to write.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("this needs Chromium")
    with tempfile.TemporaryDirectory() as folder:
        screenshot = Path(folder) / "screenshot.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--screenshot={screenshot}", f"--window-size={_WIDTH},{_HEIGHT}", Path(report).resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(screenshot).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        Path(picture).parent.mkdir(parents=True, exist_ok=True)
        image.save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
