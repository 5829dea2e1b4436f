"""What a browser makes of a page at a given width, where a Chromium is installed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_SCRIPT = """<script>addEventListener("load", () => {
  document.querySelectorAll("details").forEach(one => one.open = true);
  const width = document.documentElement.clientWidth, outside = [];
  const inBox = element => {
    for (let at = element.parentElement; at; at = at.parentElement)
      if (["PRE", "svg"].includes(at.tagName) || at.classList.contains("scroll")) return true;
    return false;
  };
  for (const element of document.querySelectorAll("body *"))
    if (element.getBoundingClientRect().right > width + 1 && !inBox(element))
      outside.push(element.tagName + " " + element.textContent.trim().slice(0, 60));
  parent.document.title = JSON.stringify({width, page: document.documentElement.scrollWidth, outside});
})</script>"""


def layout(page: str, width: int, folder: Path) -> dict[str, Any]:
    """Return the width of the page and all elements that leave it, with every ``<details>`` open.

    Args:
        page: HTML; its policy against scripts is taken out.
        width: of the window, CSS pixels.
        folder: for a temporary file and the browser's profile.
    """
    assert CHROMIUM is not None
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", _SCRIPT + "</body>")
    frame = f'<iframe style="width:{width}px;height:2000px;border:0" srcdoc="{html.escape(free)}"></iframe>'
    (folder / "frame.html").write_text(f"<title>none</title>{frame}", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--virtual-time-budget=10000", "--dump-dom", f"file://{folder / 'frame.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(\{.*?\})</title>", done.stdout, re.DOTALL)
    assert title is not None, done.stdout[:500]
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found
