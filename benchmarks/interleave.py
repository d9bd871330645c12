"""Measuring side by side: what the benchmark scripts share.

Absolute times move with the machine and its other work. So all variants run in one process on one
thread, each once a round in a new random order, by CPU time, and what is reported is the median
over the rounds of the ratio within a round, with its 10th and 90th percentile.

Import this before NumPy or PyTorch: it limits them to one thread.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Read when NumPy and PyTorch are imported.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

RESULTS = Path(__file__).parent / "results"

TURN_SECONDS = 0.03

Times = dict[str, list[float]]


def interleave(
    variants: dict[str, Callable[[], object]], *, rounds: int, warm_up: int = 3
) -> Times:
    """CPU seconds of a call of each variant, in each round. The garbage collector rests meanwhile.

    In its turn a variant runs once untimed, to bring its own data back into the caches, then for
    about `TURN_SECONDS`; the mean of these calls counts.
    """
    shuffler = random.Random(0)
    times: Times = {name: [] for name in variants}
    calls = {}
    for name, run in variants.items():
        warm = [_seconds(run, 1) for _ in range(warm_up)]
        calls[name] = max(1, round(TURN_SECONDS / min(warm)))
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        for name in shuffler.sample(list(variants), len(variants)):
            variants[name]()
            times[name].append(_seconds(variants[name], calls[name]) / calls[name])
        gc.enable()
    return times


def _seconds(run: Callable[[], object], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        run()
    return time.process_time() - start


def ratios(times: Times, name: str, base: str) -> tuple[float, float, float]:
    """How many times as long as ``base`` it took: median, 10th and 90th percentile over rounds."""
    each = [own / other for own, other in zip(times[name], times[base], strict=True)]
    tenths = statistics.quantiles(each, n=10, method="inclusive")
    return statistics.median(each), tenths[0], tenths[-1]


def milliseconds(times: Times, name: str) -> str:
    return f"{statistics.median(times[name]) * 1e3:.3g}"


def spread(ratio: tuple[float, float, float], digits: int = 2) -> str:
    """``1.13 (1.10 to 1.21)``."""
    middle, low, high = ratio
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = [":--", *["--:"] * (len(headers) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [headers, rule, *rows])


def installed(distribution: str) -> str | None:
    """Its version, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def write_report(name: str, title: str, packages: Sequence[str], parts: Sequence[str]) -> None:
    """Print the report and store it in ``results/NAME.md``, with what is needed to repeat it."""
    versions = [f"{package} {found}" for package in packages if (found := installed(package))]
    missing = [package for package in packages if not installed(package)]
    about = [
        f"{date.today()}, {_cpu()}, {os.cpu_count()} cores, one thread used, load average "
        f"{os.getloadavg()[0]:.1f} at the end.",
        f"Python {platform.python_version()}, {', '.join(versions)}.",
        f"Command: `python benchmarks/{name}.py`.",
    ]
    if missing:
        about.append(f"Not installed and left out: {', '.join(missing)}.")
    text = "\n\n".join([f"# {title}", "\n".join(about), *parts]) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def write_stored(name: str, content: dict[str, object]) -> None:
    """Store a sweep where the chapters read it, with what is needed to repeat it."""
    provenance = {
        "command": f"python benchmarks/{name}.py",
        "date": str(date.today()),
        "machine": f"{_cpu()}, one thread",
        "cpu_seconds": round(sum(os.times()[:4])),  # with those of finished child processes
        "versions": {"python": platform.python_version(), "numpy": installed("numpy")},
    }
    folder = Path(__file__).parent.parent / "src" / "coursekit" / "data" / "stored"
    folder.mkdir(exist_ok=True)
    text = json.dumps({"provenance": provenance, **content}, indent=None, separators=(",", ":"))
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return f"{names[0]} ({platform.machine()})"
    except (OSError, IndexError):
        return platform.machine()
