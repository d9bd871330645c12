"""A process in which everything is imported, and which forks a kernel in the time of a fork.

``python -m coursekit.grading.zygote MODULES``, started by `provisioner`. Each request on its
standard input, a `dict` as JSON with one end of a socket, becomes a kernel and a guard that waits
for it. The socket is the handle of the kernel: a line with a number sends it that signal, and when
it is closed, from whichever side and for whatever reason, the kernel and all it started are gone.

The parent may only import. A thread pool or a CUDA context would not survive the fork: one
parallel operation of PyTorch before it, and the child waits for ever. So it runs with one OpenMP
thread, and computes nothing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
from typing import Any

from . import landlock, namespaces
from .guarding import OUT_OF_MEMORY, end_descendants, memory

LOOK_SECONDS = 0.25


def main() -> None:
    """Import, then fork a kernel for each request until nobody can ask any more."""
    control = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    for name in filter(None, sys.argv[1].split(",")):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _rehearse()
    gc.collect()
    gc.freeze()  # the collector would write to, and so copy, every page that is shared
    signal.signal(signal.SIGCHLD, _bury)
    while True:
        text, handles, _, _ = socket.recv_fds(control, 1 << 20, 1)
        if not text:
            return
        if os.fork() == 0:
            control.close()
            _guard(json.loads(text), socket.socket(fileno=handles[0]))
        os.close(handles[0])


def _bury(*_: Any) -> None:
    """Wait for the guards that have ended, so that what they used up counts as ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _rehearse() -> None:
    """Import what a kernel imports while it starts, learned from one that started in a fork."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with tempfile.TemporaryDirectory() as folder:
                from ipykernel.kernelapp import IPKernelApp

                app: Any = IPKernelApp.instance()
                place = f"--ip={folder}/k"
                app.initialize(["-f", f"{folder}/c.json", "--transport=ipc", place])
                app.shell.run_cell("%matplotlib inline\n1", silent=True)
            os.write(write, json.dumps(sorted(sys.modules)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    for name in json.loads(text or b"[]"):
        if name not in sys.modules and not name.startswith(("_pydevd_sys_monitoring", "__mp_")):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _guard(request: dict[str, Any], handle: socket.socket) -> None:
    """Start the kernel, pass signals on, and when either side ends leave nothing behind."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    namespaces.call("prctl", namespaces.SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = 1
    try:
        rooms = None
        if request["sandbox"]:
            rooms = namespaces.Sandbox(request["sandbox"])
            rooms.enter_processes()
        kernel = os.fork()
        if kernel == 0:
            handle.close()
            _become_kernel(request, rooms)
        code = _watch(kernel, handle, request)
    finally:
        if request["sandbox"]:
            with contextlib.suppress(OSError):
                os.kill(request["sandbox"], signal.SIGKILL)
        end_descendants()
        with contextlib.suppress(OSError):
            handle.sendall(b"%d\n" % code)
        os._exit(0)


def _watch(kernel: int, handle: socket.socket, request: dict[str, Any]) -> int:
    """Wait for the end of the kernel, or of who asked for it; how it ended, as by `subprocess`."""
    ended = os.pidfd_open(kernel)
    most = request["bounds"].get("RLIMIT_AS")
    roots = {os.getpid(), request["sandbox"] or os.getpid()}
    while True:
        ready, _, _ = select.select([handle.fileno(), ended], [], [], LOOK_SECONDS)
        if ended in ready:
            return os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
        if handle.fileno() in ready:
            lines = handle.recv(4096)
            if not lines:
                return -signal.SIGKILL
            for line in lines.split():
                with contextlib.suppress(OSError):
                    os.kill(kernel, int(line))
        if most and memory(roots) > most:
            return OUT_OF_MEMORY


def _become_kernel(request: dict[str, Any], rooms: namespaces.Sandbox | None) -> None:
    """Turn this process into a kernel that can do what the request allows, and nothing else."""
    try:
        os.setsid()
        if request["bounds"]:
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
                score.write("1000")  # if the machine's memory ends, this goes first
        if rooms is not None:
            rooms.become_student()
        elif request["landlock"]:
            landlock.restrict(**request["landlock"])
            namespaces.drop_privileges()
        namespaces.limit(request["bounds"])
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        _other_random_numbers()
        _run_kernel(request["connection_file"], request["connection"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def _other_random_numbers() -> None:
    """Every kernel starts as if it had imported the generators itself."""
    for name, seed in (("random", "seed"), ("numpy.random", "seed"), ("torch", "seed")):
        if name in sys.modules:
            getattr(sys.modules[name], seed)()


def _run_kernel(connection_file: str, connection: dict[str, Any]) -> None:
    from ipykernel.kernelapp import launch_new_instance

    if not os.path.exists(connection_file):
        with open(connection_file, "w", encoding="utf-8") as file:
            json.dump(connection, file)
    for number in (1, 2):
        os.dup2(0, number)
    os.closerange(3, 1 << 16)
    sys.argv = ["ipykernel_launcher", "-f", connection_file]
    launch_new_instance()


if __name__ == "__main__":
    main()
