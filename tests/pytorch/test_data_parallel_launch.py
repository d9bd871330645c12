"""Starting ranks from a notebook: results, blame, and nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="ranks are processes of torch.distributed")
cloudpickle = pytest.importorskip("cloudpickle", reason="it carries functions to other processes")

from coursekit.errors import CourseError  # noqa: E402
from coursekit.pytorch.data_parallel_host import Report, diagnose  # noqa: E402
from coursekit.pytorch.data_parallel_launch import run_ranks  # noqa: E402

cloudpickle.register_pickle_by_value(sys.modules[__name__])

FACTOR = 3


def family(folder):
    """Every process alive of the launches whose files lie under ``folder``."""
    listed = subprocess.run(["ps", "-wweo", "pid,stat,args"], capture_output=True, text=True)
    return [
        line
        for line in listed.stdout.splitlines()
        if "data_parallel_host" in line and str(folder) in line and " Z" not in line
    ]


def together(rank, world_size, base):
    import torch
    import torch.distributed as dist

    total = torch.full((2,), float(base + rank))
    dist.all_reduce(total)
    print(f"rank {rank} of {world_size}")
    return {"sum": total, "rank": rank * FACTOR, "threads": torch.get_num_threads()}


def test_results_come_back_in_order_and_prints_too(capfd):
    results = run_ranks(together, 3, 10)
    assert [result["rank"] for result in results] == [0, 3, 6]
    assert {tuple(result["sum"].tolist()) for result in results} == {(33.0, 33.0)}
    assert {result["threads"] for result in results} == {1}
    printed = capfd.readouterr()
    assert printed.out == "rank 0 of 3\nrank 1 of 3\nrank 2 of 3\n"
    assert printed.err == ""


def test_a_function_and_a_class_of_a_cell_travel_by_value():
    cell = (
        "from coursekit.pytorch.data_parallel_launch import run_ranks\n"
        "class Pair:\n"
        "    def __init__(self, a): self.a = a\n"
        "def double(x): return 2 * x\n"
        "def work(rank, world_size): return Pair(double(rank))\n"
        "assert [pair.a for pair in run_ranks(work, 2)] == [0, 2]\n"
    )
    ran = subprocess.run([sys.executable, "-c", cell], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def dies(rank, world_size):
    import torch
    import torch.distributed as dist

    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    dist.all_reduce(torch.zeros(2))


def raises(rank, world_size):
    import torch
    import torch.distributed as dist

    if rank == 2:
        raise ValueError("no such file")
    dist.all_reduce(torch.zeros(2))


def hangs(rank, world_size):
    import torch
    import torch.distributed as dist

    if rank == 1:
        time.sleep(600)
    time.sleep(0.3 * rank)  # one arrives later, and must not be blamed
    dist.all_reduce(torch.zeros(2))


def returns_early(rank, world_size):
    import torch
    import torch.distributed as dist

    for _ in range(3 - rank):
        dist.all_reduce(torch.zeros(2))


def never_returns(rank, world_size):
    while rank == 0:
        time.sleep(0.1)


FAILURES = {
    dies: "rank 1 of 3 died: it was killed by signal 9",
    raises: "rank 2 of 3 raised ValueError: no such file",
    hangs: "ranks 0, 2 of 3 waited 2 s in a collective for rank 1 of 3, which hangs",
    returns_early: "rank 0 of 3 waited 2 s in a collective, but ranks 1, 2 of 3 had already",
    never_returns: "rank 0 of 3 did not return within 6 s",
}


@pytest.mark.parametrize("function", FAILURES, ids=lambda function: function.__name__)
def test_the_rank_at_fault_is_named_and_nothing_stays(function, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    says = FAILURES[function]
    if function is returns_early:  # ranks 1 and 2 still meet once more: either may be the one
        says = "waited 2 s in a collective"
    with pytest.raises(CourseError, match=says) as caught:
        run_ranks(function, 3, timeout=6, patience=2)
    assert family(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    if function is raises:
        assert 'raise ValueError("no such file")' in caught.value.__notes__[0]


def starts_a_child(rank, world_size):
    return subprocess.Popen(["sleep", "600"]).pid


def test_what_a_rank_started_goes_with_it():
    for pid in run_ranks(starts_a_child, 2):
        wait_until(lambda pid=pid: not alive(pid), seconds=10)


def alive(pid):
    """Whether a process runs; one that has ended and is not yet buried does not count."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_notebook(how, tmp_path):
    """The process that called run_ranks is killed, or interrupted, while its ranks work."""
    script = tmp_path / "notebook.py"
    script.write_text(
        "import sys, time, pathlib\n"
        "from coursekit.pytorch.data_parallel_launch import run_ranks\n"
        "def work(rank, world_size, folder):\n"
        "    pathlib.Path(folder, f'rank-{rank}').touch()\n"
        "    time.sleep(600)\n"
        "run_ranks(work, 2, sys.argv[1], timeout=600)\n"
    )
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    notebook = subprocess.Popen(
        [sys.executable, script, tmp_path], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: len(list(tmp_path.glob("rank-*"))) == 2)
        assert len(family(tmp_path)) == 3  # the host and its ranks
        notebook.send_signal(how)
        assert notebook.wait(20) != 0
        wait_until(lambda: family(tmp_path) == [], seconds=10)
    finally:
        notebook.kill()


def wait_until(done, seconds=120):
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.1)


def counts_threads(rank, world_size):
    status = Path(f"/proc/{os.getppid()}/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("Threads:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts threads as Linux does")
def test_the_process_that_is_forked_has_one_thread():
    assert {one.split()[1] for one in run_ranks(counts_threads, 2)} == {"1"}


def test_a_cell_cannot_ask_for_no_rank():
    with pytest.raises(CourseError, match="world_size=0; it counts processes"):
        run_ranks(together, 0, 1)


def report(when=0.0, error=""):
    return Report(when, error=error)


def blamed(reports, world_size=3):
    return diagnose(dict(enumerate(reports)), world_size, timeout=60, patience=5)


def test_the_cause_is_told_from_its_consequences():
    closed, late = "RuntimeError: Connection closed by peer", "RuntimeError: Timed out waiting 5 s"
    assert blamed([report()] * 3) == ""
    assert "rank 2 of 3 died" in blamed(
        [report(1, closed), report(2, closed), report(3, "died: it ended with exit code 3")]
    )
    assert "rank 1 of 3 raised KeyError: 'x'" in blamed(
        [report(1, closed), report(2, "KeyError: 'x'"), report(3, "ValueError: later")]
    )
    assert "for each other" in blamed([report(1, late)] * 3)
    assert "ranks 1, 2 of 3 had already returned" in blamed([report(9, late), report(), report()])
    assert "ranks 1, 2 of 3 did not return within 60 s" in blamed([report()])
