"""The colors of the figures: apart in every kind of color vision, legible in both themes."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from coursekit.explorables.registry import FOLDER

STYLE = (FOLDER / "style.css").read_text("utf-8")
WHITE, NIGHT = "#ffffff", "#14181e"

# Missing cones simulated in linear RGB by one plane each, after Viénot, Brettel and Mollon 1999,
# doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3; identity is normal vision.
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deutan": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "tritan": [[1.0, 0.14461, -0.14461], [0.0, 0.85924, 0.14076], [0.0, 0.85924, 0.14076]],
}


def tokens(selector: str) -> dict[str, str]:
    block = re.search(re.escape(selector) + r"\s*\{([^}]*)\}", STYLE)
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]+)", block[1]))


def linear(color: str) -> np.ndarray:
    color = color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
    value = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    light = [float(linear(color) @ [0.2126, 0.7152, 0.0722]) + 0.05 for color in (first, second)]
    return max(light) / min(light)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    t = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(first: str, second: str, sight: str) -> float:
    """CIELAB distance of two colors as a kind of sight sees them."""
    seen = [lab(np.array(SIGHT[sight]) @ linear(color)) for color in (first, second)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def test_the_measure_knows_a_palette_that_fails() -> None:
    assert distance("#0072b2", "#009e73", "normal") > 40
    assert distance("#0072b2", "#009e73", "tritan") < 20


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hues_stay_apart(theme: str, sight: str) -> None:
    palette = tokens(f".explorable-live[data-page={theme}]")
    for first, second in combinations(("ck-blue", "ck-vermillion", "ck-ink"), 2):
        assert distance(palette[first], palette[second], sight) >= 40, (first, second)


@pytest.mark.parametrize(("theme", "page"), [("light", WHITE), ("dark", NIGHT)])
def test_text_and_marks_are_legible(theme: str, page: str) -> None:
    palette = tokens(f".explorable-live[data-page={theme}]")
    for name in ("ck-ink", "ck-soft", "ck-blue", "ck-vermillion"):
        assert contrast(palette[name], page) >= 4.5, name
    assert contrast(palette["on-vermillion"], palette["ck-vermillion"]) >= 4.5
    assert contrast(palette["ck-paper"], palette["ck-blue"]) >= 4.5


def test_without_javascript_marks_are_legible_on_black_and_on_white() -> None:
    palette = tokens(".explorable-live, .explorable-still")
    for name in ("ck-blue", "ck-vermillion"):
        assert contrast(palette[name], WHITE) >= 3
        assert contrast(palette[name], NIGHT) >= 3
