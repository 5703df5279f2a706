"""The page in a real browser: its script runs, sorts, and nothing is refused or fails."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from condbench.store import Run
from condbench_reports.html import render

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WATCH = """
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => errors.push(event.violatedDirective));
"""

PROBE = """
const table = document.querySelector("table.sortable");
const heading = [...table.tHead.rows[0].cells].find((cell) => cell.textContent.startsWith("label_accuracy"));
const column = heading.cellIndex;
const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value ?? null);
const press = () => { heading.querySelector("button").click(); return [heading.getAttribute("aria-sort"), values()]; };
const names = table.tHead.rows[0].cells[1].querySelector("button");
const found = { rising: press(), falling: press() };
names.click();
found.names = [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
found.wide = document.documentElement.scrollWidth > innerWidth;
found.errors = errors;
document.body.dataset.found = JSON.stringify(found);
"""


def allowed(script: str, page: str) -> str:
    """The page with a policy that lets it run one more script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return page.replace("script-src ", f"script-src 'sha256-{digest}' ")


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
@pytest.mark.parametrize("width", [480, 1300])
def test_a_click_sorts_and_the_console_is_silent(full_run: Run, tmp_path: Path, width: int) -> None:
    page = allowed(WATCH, allowed(PROBE, render(full_run)))
    page = page.replace("<title>", f"<script>{WATCH}</script><title>")
    page = page.replace("</body>", f"<script>{PROBE}</script></body>")
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    assert match is not None, "the script did not get to its end"
    found = json.loads(unescape(match[1]))
    assert found["errors"] == []
    assert not found["wide"], "tables scroll on their own, the page does not"
    for order, direction in (("rising", "ascending"), ("falling", "descending")):
        state, texts = found[order]
        assert state == direction
        values = [float(text) for text in texts if text is not None]
        assert len(values) == 29
        assert values == sorted(values, reverse=order == "falling")
        assert texts[29:] == [None] * 7, "what has no value stays last"
    assert found["names"] == sorted(found["names"])
