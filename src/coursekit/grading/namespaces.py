"""Enter the namespaces of a running sandbox, and give up every privilege. Linux, standard library.

bubblewrap makes a sandbox and starts a program in it. A kernel that is forked from a process in
which all is imported cannot be started so; it walks into a sandbox that waits for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
from collections.abc import Mapping
from typing import Any

NOBODY = 65534
NEW_USER, NEW_PID = 0x10000000, 0x20000000
OWNER_OF_NAMESPACE = 0xB701  # ioctl NS_GET_USERNS, see ioctl_ns(2)
SET_DUMPABLE, DROP_FROM_BOUND, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVILEGES = 4, 24, 36, 38
AMBIENT, CLEAR_ALL = 47, 4
CAPABILITIES_VERSION = 0x20080522
ADMIN, SET_ID = 21, 7  # CAP_SYS_ADMIN, CAP_SETUID

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call the C library's ``name``; an `OSError` when it returns a negative number."""
    result: int = getattr(_libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def is_privileged() -> bool:
    """Whether this process is the machine's root, able to become somebody else."""
    with open("/proc/self/status", encoding="ascii") as status:
        held = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff"))
    return os.geteuid() == 0 and all(held >> one & 1 for one in (ADMIN, SET_ID))


class Sandbox:
    """The namespaces of the process ``pid``, held open."""

    def __init__(self, pid: int) -> None:
        """Open them; an `OSError` when the process is gone."""
        self._files = {
            name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            for name in ("user", "pid", "mnt", "net", "ipc", "uts")
        }
        self._privileged = is_privileged()

    def enter_processes(self) -> None:
        """The children of this process, not itself, will be processes of the sandbox.

        Root may enter any namespace. Somebody else first becomes the user who owns the sandbox.
        """
        if not self._privileged:
            owner = fcntl.ioctl(self._files["mnt"], OWNER_OF_NAMESPACE)
            call("setns", owner, NEW_USER)
        call("setns", self._files["pid"], NEW_PID)

    def become_student(self) -> None:
        """Enter for good, as nobody and without a privilege; a child of `enter_processes` may."""
        for name in ("net", "ipc", "uts", "mnt"):
            call("setns", self._files[name], 0)
        if self._privileged:
            _become_nobody()
        else:
            with contextlib.suppress(OSError):  # it is the owner's own, where there is only one
                call("setns", self._files["user"], NEW_USER)
        drop_privileges()


def _become_nobody() -> None:
    """As root: become an unprivileged user for good, in a user namespace of its own."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    call("prctl", SET_DUMPABLE, 1, 0, 0, 0)  # the new owner may write the two maps below
    call("unshare", NEW_USER)
    for name, text in (("uid_map", f"{NOBODY} {NOBODY} 1"), ("gid_map", f"{NOBODY} {NOBODY} 1")):
        if name == "gid_map":
            _write("/proc/self/setgroups", "deny")
        _write(f"/proc/self/{name}", text)


def drop_privileges() -> None:
    """Give up all capabilities, and the means to get any back by starting a program."""
    call("prctl", SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        call("prctl", AMBIENT, CLEAR_ALL, 0, 0, 0)
    with contextlib.suppress(OSError):
        for number in range(64):
            call("prctl", DROP_FROM_BOUND, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())


def limit(bounds: Mapping[str, int]) -> None:
    """Set resource limits, such as ``{"RLIMIT_AS": 4 << 30}``, for good."""
    for name, most in bounds.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (most, most))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
