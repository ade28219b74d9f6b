"""Photographs the HTML report in a headless Chromium: by day, by night, and on a phone.

    python docs/images/photograph.py

Needs `chromium` and `chromedriver`, and what `pip install -e '.[test]'` installs. Look at the pictures before you keep them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent
PICTURES = (
    ("report-light.png", 1200, 1000, False, ""),
    ("report-dark.png", 1200, 1000, True, "RL108"),
    ("report-phone.png", 390, 1300, False, "RL108"),
)
"""File, size in pixels, whether by night, and what is opened."""


def photograph(page: Path) -> None:
    """Opens the page in each way."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        sys.exit("chromium and chromedriver are needed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as browser:
        for name, width, height, dark, opened in PICTURES:
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            browser.get("about:blank")
            browser.get(page.as_uri())
            if opened:
                buttons = browser.find_elements("css selector", ".open")
                button = next(button for button in buttons if opened in button.text)
                browser.execute_script("arguments[0].click(); arguments[0].closest('article').scrollIntoView()", button)
            browser.save_screenshot(str(FOLDER / name))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "racelint", "report", "examples/racy", "--isolated", "-o", str(page)]
        subprocess.run(command, cwd=ROOT, check=True)
        photograph(page)
