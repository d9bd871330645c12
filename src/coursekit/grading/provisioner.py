"""jupyter_client starts its kernels here: forked from a zygote, and kept apart if told so.

Any program that uses jupyter_client (nbval, nbclient, Jupyter Book, nbgrader) takes this way when
the environment says ``JUPYTER_DEFAULT_PROVISIONER_NAME=coursekit-zygote``. `Settings` come through
the environment as well, because nothing else reaches a provisioner.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from . import isolation

NAME = "coursekit-zygote"
SETTINGS = "COURSEKIT_KERNELS"
IMPORTS = ("numpy", "torch", "matplotlib.pyplot", "coursekit.grading.emitting")


@dataclass(frozen=True)
class Settings:
    """How kernels are kept apart, what bounds them (names as in `resource`), what is imported."""

    isolation: str = isolation.PLAIN
    bounds: dict[str, int] = field(default_factory=dict)
    imports: tuple[str, ...] = IMPORTS

    def to_environment(self) -> dict[str, str]:
        """What to add to the environment of a program whose kernels shall start so."""
        return {"JUPYTER_DEFAULT_PROVISIONER_NAME": NAME, SETTINGS: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this process."""
        return cls(**json.loads(os.environ.get(SETTINGS, "{}")))


class ZygoteProvisioner(LocalProvisioner):
    """Starts and ends one kernel. The zygote is started for the first and serves all."""

    _control: socket.socket | None = None
    _settings: Settings
    _handle: socket.socket | None = None
    _sandbox: isolation.Bubblewrap | None = None
    _folder: str = ""
    ended: int | None = None
    """How the kernel ended, as `subprocess` says it; `guarding.OUT_OF_MEMORY` is one way more."""

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started and is not yet known to have ended."""
        return self._handle is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make the place where the kernel will be, and let its sockets be there."""
        _zygote()
        self._settings = Settings.from_environment()
        manager: Any = self.parent
        self._folder = isolation.private_folder()
        inside = self._folder
        if self._settings.isolation == isolation.BUBBLEWRAP:
            self._sandbox = isolation.Bubblewrap(
                folder_bytes=self._settings.bounds.get("RLIMIT_FSIZE", 64 << 20)
            )
            inside = self._sandbox.path(isolation.SOCKETS)
        manager.transport, manager.cache_ports = "ipc", False
        manager.ip = f"{inside}/k"
        manager.connection_file = f"{self._folder}/c.json"
        return dict(await super().pre_launch(**kwargs))

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Ask the zygote for a kernel; return how to talk to it."""
        self._handle, theirs = socket.socketpair()
        with theirs:
            request = json.dumps(self._request(kwargs)).encode()
            socket.send_fds(_zygote(), [request], [theirs.fileno()])
        self._handle.setblocking(False)
        return self.connection_info

    def _request(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        apart = self._settings.isolation != isolation.PLAIN
        home = isolation.HOME if self._sandbox else self._folder
        connection = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in self.connection_info.items()
        }
        manager: Any = self.parent
        file = manager.connection_file
        if self._sandbox:
            connection["ip"], file = f"{isolation.SOCKETS}/k", f"{isolation.SOCKETS}/c.json"
        return {
            "connection_file": file,
            "connection": connection,
            "sandbox": self._sandbox.pid if self._sandbox else None,
            "landlock": isolation.landlock_paths(home)
            if self._settings.isolation == isolation.LANDLOCK
            else None,
            "bounds": self._settings.bounds,
            "environment": isolation.environment(home)
            if apart
            else dict(kwargs.get("env") or os.environ),
            "folder": home if apart else str(kwargs.get("cwd") or os.getcwd()),
        }

    async def poll(self) -> int | None:
        """None while the kernel runs, else how it ended."""
        if self._handle is not None:
            try:
                said = self._handle.recv(64)
            except BlockingIOError:
                return None
            except OSError:
                said = b""
            with contextlib.suppress(ValueError):
                self.ended = int(said)
            self.ended = 1 if self.ended is None else self.ended
            self._close()
        return self.ended if self.ended is not None else 0

    async def wait(self) -> int | None:
        """Wait for the end."""
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return self.ended

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel; SIGKILL ends all that it started as well."""
        if self._handle is None:
            return
        with contextlib.suppress(OSError):
            if signum == signal.SIGKILL:
                self._handle.shutdown(socket.SHUT_WR)
            else:
                self._handle.sendall(b"%d\n" % signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and all that it started."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end."""
        await self.send_signal(signal.SIGTERM)

    async def cleanup(self, restart: bool = False) -> None:
        """Take away the place where the kernel was."""
        self._close()
        await super().cleanup(restart)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def _zygote() -> socket.socket:
    """This process's line to its zygote, which is started for the first that asks."""
    if ZygoteProvisioner._control is None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        settings = Settings.from_environment()
        imports = ",".join(settings.imports)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "coursekit.grading.zygote", imports],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(settings),
                start_new_session=True,
            )
        ZygoteProvisioner._control = ours
        atexit.register(_end, ours, process)
    return ZygoteProvisioner._control


def _environment(settings: Settings) -> dict[str, str]:
    """Nothing secret, because what a process was started with stays readable in each fork."""
    if settings.isolation == isolation.PLAIN:
        return os.environ | {"OMP_NUM_THREADS": "1"}
    folder = tempfile.mkdtemp(prefix="zygote-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return isolation.environment(folder) | {"MPLBACKEND": INLINE}


INLINE = "module://matplotlib_inline.backend_inline"


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
