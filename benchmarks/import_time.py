"""How long does it take to import coursekit and its rooms, beyond starting Python?

    python benchmarks/import_time.py

prints the table and stores it in benchmarks/results/import_time.md.
"""

from __future__ import annotations

import random
import resource
import statistics
import subprocess
import sys

from interleave import table, write_report

BARE = "pass"
STATEMENTS = {
    "bare Python": BARE,
    "`import coursekit`": "import coursekit",
    "`import numpy`, for comparison": "import numpy",
    "`import coursekit.gradients`": "import coursekit.gradients",
    "`import coursekit.nbval_plugin`, which every pytest run here loads": (
        "import coursekit.nbval_plugin"
    ),
    "`import pytest`, for comparison": "import pytest",
}
ROUNDS = 21
ALLOWED_MS = 50


def cpu_seconds(statement: str) -> float:
    """CPU time of a fresh interpreter that runs ``statement``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    shuffler = random.Random(0)
    for _ in range(ROUNDS):
        for name in shuffler.sample(list(STATEMENTS), len(STATEMENTS)):
            times[name].append(cpu_seconds(STATEMENTS[name]))
    bare = times["bare Python"]
    rows = []
    for name, measured in times.items():
        beyond = [one - base for one, base in zip(measured, bare, strict=True)]
        rows.append(
            [
                name,
                f"{statistics.median(measured) * 1e3:.0f}",
                f"{statistics.median(beyond) * 1e3:.0f}",
            ]
        )
    write_report(
        "import_time",
        "Importing",
        ["numpy", "pytest"],
        [
            f"CPU milliseconds of a fresh interpreter, median of {ROUNDS} interleaved rounds. "
            f"`import coursekit` may take {ALLOWED_MS} beyond bare Python.",
            table(["statement", "CPU ms", "beyond bare Python"], rows),
        ],
    )


if __name__ == "__main__":
    main()
