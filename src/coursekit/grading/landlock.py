"""Landlock: a process gives up files, TCP and signals, for itself and all that it will start.

No package, no privilege, no namespace. Linux 5.13 has it for files, 6.7 for TCP, 6.12 for signals.
What it does not cover: UDP, and what ``/proc`` tells of other processes. See landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from .namespaces import SET_NO_NEW_PRIVILEGES, call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every processor
ASK_VERSION, RULE_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER, TRUNCATE, DEVICE = (
    1 << n for n in (0, 1, 2, 3, 14, 15)
)
READ = EXECUTE | READ_FILE | READ_FOLDER
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Rights on files that a version knows; from version 5 on, 16."""


def version() -> int:
    """The version this kernel has, 0 where there is none."""
    try:
        return call("syscall", CREATE_RULESET, None, 0, ASK_VERSION)
    except OSError:
        return 0


def restrict(*, read: Iterable[str], write: Iterable[str]) -> None:
    """Leave this process only what lies under ``read`` and, to change it, under ``write``.

    No TCP, and no signal to a process outside, where the kernel can refuse them.
    """
    known = version()
    every = (1 << RIGHTS.get(known, 16)) - 1
    wanted = struct.pack("QQQ", every, 3, 3)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = call("syscall", CREATE_RULESET, ctypes.create_string_buffer(wanted), size, 0)
    for paths, rights in ((read, READ), (write, every)):
        for path in paths:
            _allow(rules, path, rights & every)
    call("prctl", SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("syscall", RESTRICT_SELF, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    rights = rights if os.path.isdir(path) else rights & OF_FILES
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place))
    call("syscall", ADD_RULE, rules, RULE_BENEATH, rule, 0)
    os.close(place)
