"""The page's colours: text can be read in either scheme, and a scale goes one way."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_steps_go_one_way_in_lightness(scheme: str) -> None:
    css = (files("condbench_reports") / "templates" / "style.css").read_text()
    light, _, dark = css.partition("@media screen and (prefers-color-scheme: dark)")
    part = light if scheme == "light" else dark
    tiles = re.findall(r"\.s(\d) \{ --tile: (#\w{6}); --on: (#\w{6}) \}", part)
    assert [int(step) for step, _, _ in tiles] == list(range(10))
    assert min(contrast(tile, on) for _, tile, on in tiles) >= 4.5
    lightness = [luminance(tile) for _, tile, _ in tiles]
    assert lightness == sorted(lightness, reverse=scheme == "light")
    colours = dict(re.findall(r"--(\w+): (#\w{6})", part))
    for text in ("ink", "quiet", "link"):
        assert contrast(colours[text], colours["paper"]) >= 4.5
        assert contrast(colours[text], colours["panel"]) >= 4.5
