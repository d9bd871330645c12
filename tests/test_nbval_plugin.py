"""The plugin in real runs of ``pytest --nbval`` on small notebooks, in a folder of their own."""

from __future__ import annotations

import time
from queue import Empty

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.kernel import CURRENT_ENV_KERNEL_NAME

from coursekit.notebooks.nbval_kernel import FLOODED, MendedKernel

pytest_plugins = ["pytester"]

DETAILS = {"chapter": "01", "minutes_read": 5, "seconds_run": 10, "device": "cpu"}
KERNEL = {"name": "python3", "display_name": "Python 3"}


def cell(source: str, *outputs, tags=(), **reasons):
    metadata = {"tags": list(tags)} | ({"coursekit": reasons} if reasons else {})
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


@pytest.fixture
def write(pytester, monkeypatch):
    """Write a stored notebook whose cells ran in order; ``course=False``: somebody else's."""
    monkeypatch.delenv("COURSEKIT_GPU", raising=False)
    monkeypatch.delenv("CI", raising=False)

    def write_(name: str, *cells, course: bool = True, **details):
        for number, one in enumerate(cells, start=1):
            one.execution_count = number
            for output in one.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
        made = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
        made.metadata = nbformat.from_dict({"kernelspec": KERNEL})
        if course:
            made.metadata["coursekit"] = DETAILS | details
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(made, path)
        return path

    return write_


def picture(svg: str, words: str) -> str:
    """Source of a cell that displays ``svg`` as picture and as HTML beside ``words``."""
    data = {"image/svg+xml": svg, "text/html": svg, "text/plain": words}
    return f"from IPython.display import display\ndisplay({data!r}, raw=True)"


def stored_picture(svg: str, words: str):
    data = {"image/svg+xml": svg, "text/html": svg, "text/plain": words}
    return new_output("display_data", data=data)


CLAIM = "application/vnd.batch-by-batch.claim+json"


def claim(verdict: str) -> dict[str, object]:
    return {CLAIM: {"id": "a-b", "verdict": verdict}, "text/plain": "Claim a-b"}


def show_claim(verdict: str) -> str:
    return f"from IPython.display import display\ndisplay({claim(verdict)!r}, raw=True)"


def test_what_is_compared(pytester, write):
    """Text, printed output and claims strictly; pictures by their text alone."""
    write(
        "same.ipynb",
        cell("print(0.1 + 0.2)", printed("0.30000000000000004\n")),
        cell("1 + 1", new_output("execute_result", data={"text/plain": "2"})),
        cell(picture("<svg>new</svg>", "1 to 3"), stored_picture("<svg>old</svg>", "1 to 3")),
        cell(show_claim("holds"), new_output("display_data", data=claim("holds"))),
        cell(
            "import time; print(time.time())",
            printed("1\n"),
            tags=["nbval-ignore-output"],
            ignore_output_because="the time of day",
        ),
    )
    write(
        "different.ipynb",
        cell("print(0.1 + 0.2)", printed("0.3\n")),
        cell("1 + 1", new_output("execute_result", data={"text/plain": "3"})),
        cell(picture("<svg/>", "1 to 4"), stored_picture("<svg/>", "1 to 3")),
        cell(show_claim("holds"), new_output("display_data", data=claim("does not"))),
        cell("import sys; print('careful', file=sys.stderr)"),
    )
    same = pytester.runpytest_subprocess("--nbval", "same.ipynb")
    same.assert_outcomes(passed=6)
    different = pytester.runpytest_subprocess("--nbval", "different.ipynb")
    different.assert_outcomes(passed=1, failed=5)


def test_a_notebook_that_breaks_a_rule_fails_though_its_cells_pass(pytester, write):
    write(
        "1.ipynb", cell("x = 1", tags=["nbval-skip"]), cell("x = 2", tags=["nbval-ignore-output"])
    )
    result = pytester.runpytest_subprocess("--nbval")
    result.assert_outcomes(passed=1, skipped=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            '1.ipynb: code cell 1, "x = 1", has the tag nbval-skip; say why*skip_because.',
            '1.ipynb: code cell 2, "x = 2", has the tag nbval-ignore-output; say why*',
        ]
    )


def test_gpu_cells_are_skipped_with_the_reason_where_there_is_none(pytester, write, monkeypatch):
    write("1.ipynb", cell("1 / 0", tags=["gpu"]), cell("x = 2"))
    monkeypatch.setenv("COURSEKIT_GPU", "0")
    absent = pytester.runpytest_subprocess("--nbval", "-rs")
    absent.assert_outcomes(passed=2, skipped=1)
    absent.stdout.fnmatch_lines(["SKIPPED*1.ipynb*finds no CUDA device here*"])
    monkeypatch.setenv("COURSEKIT_GPU", "1")
    present = pytester.runpytest_subprocess("--nbval")
    present.assert_outcomes(passed=2, failed=1)
    present.stdout.fnmatch_lines(["*ZeroDivisionError*"])


def test_somebody_else_s_notebooks_are_left_to_nbval(pytester, write):
    write("1.ipynb", cell("x = 1", tags=["gpu"]), cell("x = 2", tags=["nbval-skip"]), course=False)
    result = pytester.runpytest_subprocess("--nbval")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.no_fnmatch_line("*seconds a notebook took*")


def test_nothing_happens_without_nbval(pytester, write):
    write("1.ipynb", cell("1 / 0"))
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_time_is_reported_beside_the_promise_and_fails_nothing(pytester, write):
    write("slow.ipynb", cell("import time; time.sleep(1.2)"), seconds_run=1)
    write("quick.ipynb", cell("x = 1"), seconds_run=50)
    result = pytester.runpytest_subprocess("--nbval")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["* of  50  quick.ipynb", "* of   1  slow.ipynb  over its budget"])


def test_a_dead_kernel_is_noticed_at_once(pytester, write):
    write("1.ipynb", cell("import os; os._exit(1)"), cell("x = 2"))
    before = time.monotonic()
    result = pytester.runpytest_subprocess("--nbval")
    assert time.monotonic() - before < 60  # nbval alone waits 2000 seconds
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*the kernel died while it ran this cell*"])


def test_a_cell_that_quits_is_the_one_that_fails(pytester, write):
    """The kernel ends 0.1 s after ``quit()``, so the cell that comes by then would be blamed."""
    write("1.ipynb", cell("quit()"), cell("x = 1"))
    write("2.ipynb", cell("quit(keep_kernel=True)"), cell("x = 1"))
    result = pytester.runpytest_subprocess("--nbval", "-v")
    result.stdout.fnmatch_lines(
        [
            "1::ipynb::Cell 0 FAILED*",
            "2::ipynb::Cell 0 PASSED*",
            "2::ipynb::Cell 1 PASSED*",
            "*the kernel died while it ran this cell (quit*",
            "*Cell 1: not run: the kernel ended with an earlier cell",
        ]
    )


def test_from_another_folder_again_and_in_parallel(pytester, write, monkeypatch):
    """Cells of one notebook share a kernel, so they stay together whatever pytest-xdist is told."""
    for name in ("a", "b", "c"):
        path = write(
            f"deep/{name}.ipynb",
            cell("x = 6"),
            cell("from pathlib import Path\nprint(Path('mine.txt').exists())", printed("True\n")),
            *(cell(f"print({k} * x)", printed(f"{6 * k}\n")) for k in range(6)),
        )
    (path.parent / "mine.txt").touch()
    elsewhere = pytester.mkdir("elsewhere")
    monkeypatch.chdir(elsewhere)
    for arguments in ((), ("-n2",), ("-n2", "--dist=worksteal")):
        result = pytester.runpytest_subprocess("--nbval", path.parent, *arguments)
        result.assert_outcomes(passed=27)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_number_of_threads_reaches_the_kernel(pytester, write, monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    write(
        "1.ipynb", cell("import os; print(os.environ['OMP_NUM_THREADS'])", printed(f"{threads}\n"))
    )
    pytester.runpytest_subprocess("--nbval").assert_outcomes(passed=2)


def test_a_broken_file_is_nbval_s_to_report(pytester, write):
    (pytester.path / "broken.ipynb").write_text("{")
    result = pytester.runpytest_subprocess("--nbval")
    result.assert_outcomes(errors=1)


def test_a_tolerance_is_for_numbers_alone_and_for_one_cell(pytester, write):
    near = "print('loss', 0.1 + 0.2, 'of', 3)"
    write(
        "near.ipynb",
        cell(near, printed("loss 0.3 of 3\n"), tags=["nbval-tolerance-1e-9"]),
        cell(near, printed("loss 0.31 of 3\n"), tags=["nbval-tolerance-1e-9"]),
        cell(near, printed("cost 0.3 of 3\n"), tags=["nbval-tolerance-1e-9"]),
        cell(near, printed("loss 0.3 of 3\n")),
        course=False,
    )
    result = pytester.runpytest_subprocess("--nbval", "near.ipynb")
    result.assert_outcomes(passed=1, failed=3)


def test_cells_after_one_that_was_stopped_are_judged_like_any_other(pytester, write):
    write(
        "slow.ipynb",
        cell("import time\ntime.sleep(60)"),
        cell("print(1)", printed("1\n")),
        cell("print(1)", printed("2\n")),
    )
    result = pytester.runpytest_subprocess("--nbval", "--nbval-cell-timeout=2", "slow.ipynb")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*ran longer than 2 seconds and was stopped*"])


def test_output_without_end_is_bounded_and_stopped():
    kernel = MendedKernel(CURRENT_ENV_KERNEL_NAME)
    try:
        kernel.kept_bytes, kernel.flood_bytes = 100_000, 1_000_000
        request = kernel.execute_cell_input("while True: print('x' * 10_000, flush=True)")
        with pytest.raises(Empty):
            kernel.await_reply(request, timeout=60)
        assert kernel.current.trouble == FLOODED
        assert sum(kernel.current.kept_bytes.values()) <= 100_000
    finally:
        kernel.stop()


@pytest.mark.parametrize(("options", "imported"), [((), "False"), (("--nbval-fork",), "True")])
def test_forked_kernels_have_torch_before_their_first_cell(pytester, write, options, imported):
    modules = cell("import sys; print('torch' in sys.modules)", printed(f"{imported}\n"))
    random = cell("import random; print(random.random() == saved)", printed("False\n"))
    saved = cell("import random; saved = random.random()")
    for name in ("1.ipynb", "2.ipynb"):
        write(
            name,
            modules,
            saved,
            random,
            cell("import os; print(os.getcwd() != '/')", printed("True\n")),
        )
    pytester.runpytest_subprocess("--nbval", *options).assert_outcomes(passed=10)
