"""How the code of strangers is kept apart: bubblewrap, else Landlock, else not at all and said so.

In bubblewrap a submission sees a read-only Python, an empty home, no network, no other process and
no environment, as a user without a name or a capability. Landlock, which needs no program and no
namespace, keeps it from other files and from TCP. Both come with limits on memory, files,
processes and time.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import CourseError
from .limits import Limits

BUBBLEWRAP, LANDLOCK, PLAIN = "bubblewrap", "landlock", "none"
WANTED = ("auto", "required", BUBBLEWRAP, LANDLOCK, PLAIN)
HOME = "/home/student"
SOCKETS = "/run/kernel"
START_SECONDS = 10
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/etc/alternatives",
)
GET_IT = "install it ('sudo apt-get install bubblewrap')"


@dataclass(frozen=True)
class Isolation:
    """A way to keep submissions apart: its name, what to tell the reader, whether it is full."""

    name: str
    sentence: str
    safe: bool


def choose(wanted: str = "auto") -> Isolation:
    """The best isolation that works here, of those that ``wanted`` allows (one of `WANTED`).

    Raises
    ------
    CourseError
        When ``wanted`` is "required" or names a way, and that does not work here.
    """
    if wanted not in WANTED:
        raise CourseError(f"isolation {wanted!r} is none of {', '.join(WANTED)}.")
    if wanted == PLAIN:
        return Isolation(PLAIN, f"UNSAFE: submissions ran without isolation. {_RISK}", safe=False)
    trouble = "" if wanted == LANDLOCK else bubblewrap_trouble()
    if wanted != LANDLOCK and not trouble:
        return Isolation(
            BUBBLEWRAP,
            "Each submission ran in bubblewrap: no network, no files but a read-only Python, "
            "no process and no environment of this machine.",
            safe=True,
        )
    if wanted in ("required", BUBBLEWRAP):
        raise CourseError(f"bubblewrap is required and {trouble}; {GET_IT}.")
    missing = landlock_trouble()
    if not missing:
        why = f"bubblewrap was not used: {trouble}. " if trouble else ""
        return Isolation(
            LANDLOCK,
            f"{why}Submissions ran under Landlock with resource limits: they could not read or "
            "write other files nor use TCP, but could see this machine's processes and send UDP.",
            safe=False,
        )
    if wanted == LANDLOCK:
        raise CourseError(f"Landlock is required and {missing}.")
    return Isolation(
        PLAIN,
        f"UNSAFE: submissions ran without isolation, because {trouble} and {missing}. {_RISK}",
        safe=False,
    )


_RISK = "They could read and change every file of this user. Grade only code that you trust."


@functools.cache
def bubblewrap_trouble() -> str:
    """Why bubblewrap cannot be used here, or nothing. A kernel's whole way in is tried once."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if shutil.which("bwrap") is None:
        return "it is not installed"
    tried = subprocess.run(
        [sys.executable, "-m", "coursekit.grading.isolation"], capture_output=True, text=True
    )
    last = (tried.stderr.strip().splitlines() or ["it does not start"])[-1]
    return "" if tried.returncode == 0 else f"it does not work here ({last})"


@functools.cache
def landlock_trouble() -> str:
    """Why Landlock cannot be used here, or nothing."""
    if not sys.platform.startswith("linux"):
        return "Landlock needs Linux"
    from . import landlock

    return "" if landlock.version() >= 1 else "this kernel has no Landlock"


def python_folders() -> list[str]:
    """The folders that hold Python, the installed packages and coursekit, and nothing else."""
    package = Path(__file__).resolve().parent.parent
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages(), str(package)]
    folders.append(os.path.dirname(os.path.realpath(sys.executable)))
    kept: list[str] = []
    for folder in sorted({os.path.realpath(one) for one in folders}):
        if folder.startswith("/usr/") or any(folder.startswith(f"{one}/") for one in kept):
            continue
        kept.append(folder)
    return kept


class Bubblewrap:
    """A running sandbox that waits for a kernel to walk in (see `namespaces`).

    ``pid`` is its first process, seen from here; when `close` ends it, all in it end.
    """

    def __init__(self, *, folder_bytes: int) -> None:
        """Start it. An `OSError` when it does not start within `START_SECONDS`."""
        read, write = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*_command(folder_bytes), "--info-fd", str(write), "--", "/bin/cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[write],
                env={"PATH": "/usr/bin:/bin"},
            )
        finally:
            os.close(write)
        with open(read, encoding="utf-8") as info:
            text = info.read()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(b"\n")  # comes back when all is mounted
            self._process.stdin.flush()
            ready = self._process.stdout.read(1)
        except OSError:
            ready = b""
        if not ready:
            raise OSError(self._last_words())
        self.pid: int = json.loads(text)["child-pid"]

    def path(self, inside: str) -> str:
        """Where this process finds what the sandbox calls ``inside``."""
        return f"/proc/{self.pid}/root{inside}"

    def close(self) -> None:
        """End it and everything in it; may be called again."""
        self._process.kill()
        self._process.communicate()

    def _last_words(self) -> str:
        self._process.kill()
        said = self._process.communicate()[1].decode(errors="replace").strip()
        return said.splitlines()[-1] if said else "bwrap: it ended without a word"


def _command(folder_bytes: int) -> list[str]:
    """The options of bwrap: everything its own, nothing of the machine but Python, read-only."""
    from . import namespaces

    command = [
        shutil.which("bwrap") or "bwrap",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]
    if namespaces.is_privileged():  # the kernel will become nobody, in a user namespace of its own
        for name in ("pid", "net", "ipc", "uts", "cgroup-try"):
            command.append(f"--unshare-{name}")
    else:
        command += ["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    command += ["--hostname", "student"]
    for path in SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm", HOME):
        command += ["--perms", "0777", "--size", str(folder_bytes), "--tmpfs", path]
    command += ["--perms", "0777", "--size", "1048576", "--tmpfs", SOCKETS]
    shown = (*SYSTEM_FILES, *python_folders())
    for folder in sorted({str(above) for path in shown for above in Path(path).parents} - {"/"}):
        command += ["--dir", folder]  # left to bwrap, they would be closed to nobody
    for path in shown:
        command += ["--ro-bind-try", path, path]
    return [*command, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", HOME]


def environment(home: str) -> dict[str, str]:
    """All that a submission finds in its environment."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": "/tmp" if home == HOME else home,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "IPYTHONDIR": f"{home}/.ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def bounds(limits: Limits) -> dict[str, int]:
    """`Limits` as resource limits of one process."""
    return {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_CPU": limits.seconds_cpu,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_NOFILE": 1024,
        "RLIMIT_CORE": 0,
    }


def landlock_paths(home: str) -> dict[str, list[str]]:
    """What a submission may read and write under Landlock."""
    devices = ["/dev/urandom", "/dev/random", "/dev/zero"]
    read = [*SYSTEM, *SYSTEM_FILES, *python_folders(), *devices, "/proc"]
    return {"read": read, "write": [home, "/dev/null", "/dev/shm"]}


def private_folder() -> str:
    """A new folder for one submission, with a path short enough for sockets."""
    return tempfile.mkdtemp(prefix="student-", dir="/tmp" if os.path.isdir("/tmp") else None)


def _try_whole_way() -> None:
    """Walk into a sandbox as a kernel does; an `OSError` says what is not possible here."""
    from . import namespaces

    sandbox = Bubblewrap(folder_bytes=1 << 20)
    try:
        rooms = namespaces.Sandbox(sandbox.pid)
        rooms.enter_processes()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                rooms.become_student()
                os.listdir(sys.prefix)
                with open(f"{HOME}/x", "w"):
                    status = 0
            except OSError as error:
                print(error, file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit(1)
    finally:
        sandbox.close()


if __name__ == "__main__":
    _try_whole_way()
