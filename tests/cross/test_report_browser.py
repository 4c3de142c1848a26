"""The page in a browser: light and dark, narrow and wide, with nothing loaded and nothing complained about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chromium import browser
from tests.support.command import Run


@pytest.mark.parametrize("name", ["ic_resnet8_int8", "vww_mobilenet_int8"])
def test_in_a_browser(name: str, testdata: Path, microgen: Run, chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    model = testdata / "models" / f"{name}.tflite"
    measure = "--measure" if name.startswith("ic") else "--no-measure"
    outcome = microgen("report", model, "--board", "mps2-an386", "-o", page, "--samples", 1, measure)
    assert outcome.code == 0, outcome.err
    colours = set()
    with browser(chromium, tmp_path / "profile") as seen:
        for width in (400, 1280):
            for dark in (False, True):
                seen.open(page, width=width, dark=dark)
                assert seen.evaluate("document.documentElement.scrollWidth") <= width, (width, dark)
                assert seen.evaluate("document.querySelectorAll('svg').length") >= 2
                sizes = "[...document.querySelectorAll('svg')].every(s => s.getBoundingClientRect().height > 40)"
                assert seen.evaluate(sizes)
                colours.add((dark, seen.evaluate("getComputedStyle(document.body).backgroundColor")))
                seen.screenshot(tmp_path / f"{width}{dark}.png")
        assert seen.complaints == []
        assert all(url.startswith(("file:", "about:", "data:")) for url in seen.requests), seen.requests
    assert len(colours) == 2, "light and dark have a background each"
