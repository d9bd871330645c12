"""Mathematics without a network: MathJax from an installed package, copied beside the pages.

The package ``sphinx-mathjax-offline`` carries MathJax 3. Its own extension would copy 24 MB; a page
needs one script and its fonts.
"""

import importlib.util
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
SCRIPT = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"


def mathjax_home() -> Path:
    """Folder of the installed MathJax.

    Raises
    ------
    ExtensionError
        When the package is missing; without it every formula would be raw TeX.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ExtensionError("MathJax is not installed; run: pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "static" / "mathjax"


def copy_mathjax(app: Sphinx, problem: Exception | None) -> None:
    """Copy the script and its fonts into the finished book, once."""
    if problem or app.builder.format != "html":
        return
    home, target = mathjax_home(), Path(app.outdir) / "_static" / "mathjax"
    for file in [home / SCRIPT, *sorted((home / FONTS).glob("*.woff"))]:
        copy = target / file.relative_to(home)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("build-finished", copy_mathjax)
