"""Put the built book, the chapters' notebooks and the package into one zip that needs no network.

    make bundle

The zip is the same byte for byte whenever and wherever it is made from the same files: fixed
order, fixed times, fixed permissions, and a wheel built the same way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from coursekit import __version__

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
NAME = f"batch-by-batch-{__version__}"
EPOCH = "315532800"  # 1980-01-01, the first day that a zip can name
PACKAGE = ("pyproject.toml", "README.md", "LICENSE")

WORDS = """Batch by Batch, an executable course on mini-batch training

Read it:  open book/index.html in a browser. It needs no network and no server.
Run it:   python -m pip install "{wheel}[notebooks,torch]" jupyterlab
          jupyter lab notebooks
          (the installation fetches NumPy, PyTorch and the rest, so it needs the network once)

Code: BSD 3-Clause. Text and figures: CC BY 4.0.
"""


def main() -> None:
    """Write dist/NAME.zip from the book that `make book` built."""
    if not (SITE / "index.html").is_file():
        sys.exit("the book is not built yet; run 'make bundle', which builds it first.")
    target = ROOT / "dist" / f"{NAME}.zip"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write(target, SITE, build_wheel(Path(folder)))
    print(f"\nThe bundle is {target}, {target.stat().st_size / 1e6:.0f} MB.")
    print("Unpack it and open book/index.html; README.txt says how to run the notebooks.")


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel in ``folder``, from a copy, so that nothing is left in the tree."""
    copy = folder / "copy"
    copy.mkdir()
    for name in PACKAGE:
        shutil.copy(ROOT / name, copy)
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=leave_out)
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(copy)]
    built = subprocess.run(
        command,
        env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        sys.exit(f"the wheel could not be built: {built.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("*.whl"))


def write(target: Path, site: Path, wheel: Path) -> None:
    """Pack the pages, the notebooks, the wheel and a README into ``target``."""
    words = WORDS.format(wheel=wheel.name).encode()
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w") as archive:
        for name, content in [("README.txt", words), *sorted(_files(site, wheel))]:
            info = zipfile.ZipInfo(f"{NAME}/{name}")  # its time is the first day of 1980
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content if isinstance(content, bytes) else content.read_bytes())
    part.replace(target)


def _files(site: Path, wheel: Path) -> Iterator[tuple[str, Path]]:
    """Name in the zip and file, for everything but the README."""
    yield wheel.name, wheel
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        yield f"notebooks/{path.name}", path
    for path in site.rglob("*"):
        where = path.relative_to(site).as_posix()
        if path.is_file() and where != ".buildinfo":
            yield f"book/{where}", path


if __name__ == "__main__":
    main()
