"""nbval's kernel, mended: what it waits for, how much it keeps, what it believes.

nbval 0.11 waits for the reply to a cell alone. A kernel that died is noticed when the time allowed
for the cell is over (2000 s unless told), a flood of output is read only after the cell has ended,
and a message is taken for what it says it is. Here the output is read while the cell runs and what
goes over a bound is dropped, the kernel is looked at while one waits, and a message that is not
formed like one never reaches nbval. ``book/about/nbval-notes.md`` has the measurements.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import zmq
from jupyter_client.manager import KernelManager
from nbval.kernel import NbvalKernelspecManager, RunningKernel

KEPT_BYTES = 1_000_000
"""Text of one cell that is kept, and as much of displayed data; the rest is counted and dropped."""
FLOOD_BYTES = 100_000_000
"""Output of one cell at which it is interrupted."""
MESSAGE_BYTES = 64_000_000
"""A larger message closes the connection, which is made anew."""
MESSAGES_WAITING = 16
CONNECT_MILLISECONDS = 5
"""Between two tries to reach a kernel that is not there yet; ZeroMQ would wait 100."""
FIRST_ANSWER_SECONDS = 0.05
"""How long an answer is awaited before the question is put again, for the first was too early."""
LOOK_SECONDS = 0.1
"""How often the kernel is looked at while its reply is awaited."""
INTERRUPT_SECONDS = 2.0
"""How long an interrupted cell has to end, before its kernel is killed."""

TIMED_OUT, DIED, FLOODED = "timed out", "died", "flooded"
SENTENCES = {
    TIMED_OUT: "the cell ran longer than {seconds:g} seconds and was stopped",
    FLOODED: "the cell put out more than 100 MB and was stopped",
}


class KernelDiedError(Exception):
    """The process that ran the notebook ended in the middle of a cell."""

    def __str__(self) -> str:
        return "the kernel died while it ran this cell (quit, crash, or killed for want of memory)"


@dataclass
class Cell:
    """What is known of the cell that runs: its request, the bytes it put out, how it went wrong."""

    request: str = ""
    output_bytes: int = 0
    kept_bytes: Counter[str] = field(default_factory=Counter)
    trouble: str = ""
    end: float = float("inf")

    def went_wrong(self, trouble: str) -> None:
        """Note the first thing that went wrong; the cell has `INTERRUPT_SECONDS` to end."""
        if not self.trouble:
            self.trouble, self.end = trouble, time.monotonic() + INTERRUPT_SECONDS


class MendedKernel(RunningKernel):  # type: ignore[misc]
    """A `RunningKernel` that notices death, bounds output, and checks the form of messages."""

    kept_bytes = KEPT_BYTES
    flood_bytes = FLOOD_BYTES
    provisioner_name: str | None = None
    """Who starts the kernels, by the name of its entry point; None for jupyter_client's own."""

    def __init__(self, kernel_name: str, cwd: str | None = None, startup_timeout: float = 60):
        """Start a kernel in the folder ``cwd`` and wait until it answers."""
        self.current = Cell()
        self._read: deque[Any] = deque()
        self.km = KernelManager(kernel_name=kernel_name, kernel_spec_manager=_KernelSpecs())
        with open(os.devnull, "w") as nowhere:
            self.km.start_kernel(stderr=nowhere, cwd=cwd)
        self.provisioner = self.km.provisioner
        self.kc = self.km.client()
        self.kc.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.kc.context.setsockopt(zmq.RCVHWM, MESSAGES_WAITING)
        self.kc.context.setsockopt(zmq.RECONNECT_IVL, CONNECT_MILLISECONDS)
        self.kc.start_channels(hb=False)
        try:
            self._ensure_iopub_up(startup_timeout)
        except RuntimeError:
            self.stop()
            raise

    def _ensure_iopub_up(self, timeout: float = 30) -> None:
        """Ask who the kernel is until both its answer and its output arrive."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            request = self.kc.kernel_info()
            with contextlib.suppress(Empty):
                self.await_idle(request, FIRST_ANSWER_SECONDS)
                self.await_reply(request, timeout=FIRST_ANSWER_SECONDS)
                return
            if not self.is_alive():
                raise RuntimeError("the kernel died while it started")
        raise RuntimeError(f"the kernel did not answer within {timeout:.0f} seconds")

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell to the kernel; return the id of the request."""
        self._read.clear()
        request: str = super().execute_cell_input(cell_input, allow_stdin=allow_stdin)
        self.current = Cell(request)
        return request

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to ``msg_id`` and read the output that comes meanwhile.

        Raises
        ------
        queue.Empty
            After ``timeout`` seconds, and for a cell that put out too much.
        KernelDiedError
            Within a second of the kernel's end, and where the cell asked for it, by ``quit()``: the
            kernel would end 0.1 s later, and whichever cell ran by then would be blamed.
        """
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            self._read_output()
            if self.current.output_bytes > self.flood_bytes:
                self.current.went_wrong(FLOODED)
                raise Empty
            try:
                left = max(0.0, end - time.monotonic())
                message = self.get_message("shell", timeout=min(LOOK_SECONDS, left))
            except Empty:
                if not self.is_alive():
                    self.current.went_wrong(DIED)
                    raise KernelDiedError from None
                if time.monotonic() >= end:
                    if msg_id == self.current.request:
                        self.current.went_wrong(TIMED_OUT)
                    raise
                continue
            if message["parent_header"].get("msg_id") == msg_id:
                if not _asks_exit(message):
                    return
                self.km.shutdown_kernel(now=True)
                self.current.went_wrong(DIED)
                raise KernelDiedError

    def next_output(self, timeout: float | None = None) -> Any:
        """The next message of output, for `IPyNbFile.get_kernel_message`.

        Once a cell went wrong its end is awaited for `INTERRUPT_SECONDS`, then `Empty` is raised
        and nbval stops the kernel. A cell whose end went missing in a flood is over.
        """
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            left = min(end, self.current.end) - time.monotonic()
            if self.current.trouble and left <= 0:
                raise Empty
            if self._read:
                return self._read.popleft()
            if left <= 0:
                self._connect_output_again()
                return _end_of(self.current.request)
            if not self.is_alive():
                self.current.went_wrong(DIED)
                raise KernelDiedError
            with contextlib.suppress(Empty):
                self._keep(self.get_message("iopub", timeout=min(LOOK_SECONDS, left)))

    def await_idle(self, parent_id: str, timeout: float) -> None:
        """Read output until the kernel is done with ``parent_id``, and drop it."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            message = self._read.popleft() if self._read else self.get_message("iopub", left)
            if message["parent_header"].get("msg_id") == parent_id and _is_idle(message):
                return

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """The next well-formed message of a channel; `Empty` when there is none in time.

        nbval pretty-prints each message for its log even when nobody reads it, which costs 0.1 s
        for a message of 1 MB.
        """
        channel = self.kc.iopub_channel if stream == "iopub" else self.kc.shell_channel
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                message = channel.get_msg(timeout=None if timeout is None else left)
            except Empty:
                raise
            except Exception:  # whatever a forged message makes the parser say
                continue
            if is_well_formed(message):
                return message

    def is_alive(self) -> bool:
        """Whether the kernel's process runs."""
        return hasattr(self, "km") and bool(super().is_alive())

    def stop(self) -> None:
        """Kill the kernel; may be called again."""
        if hasattr(self, "km"):
            super().stop()

    def _connect_output_again(self) -> None:
        """After a message that was too large, for which the connection was closed."""
        self.kc.iopub_channel.stop()
        self.kc._iopub_channel = None
        if not self.answers():
            self.current.went_wrong(DIED)
            raise KernelDiedError

    def answers(self) -> bool:
        """Whether the kernel still runs a cell that does nothing; if not, it is stopped."""
        before = self.current
        try:
            self._ensure_iopub_up(INTERRUPT_SECONDS)
            self.await_reply(self.execute_cell_input("pass"), timeout=INTERRUPT_SECONDS)
        except (Empty, RuntimeError, KernelDiedError):
            self.stop()
            return False
        finally:
            self.current = before
        return True

    def _read_output(self) -> None:
        """Take what output is there, for a fifth of a second at most."""
        end = time.monotonic() + 0.2
        with contextlib.suppress(Empty):
            while time.monotonic() < end:
                self._keep(self.get_message("iopub", timeout=0))

    def _keep(self, message: Any) -> None:
        if message["parent_header"].get("msg_id") == self.current.request:
            size, kind = _output_bytes(message), message["msg_type"]
            self.current.output_bytes += size
            if size and self.current.kept_bytes[kind] + size > self.kept_bytes:
                return
            self.current.kept_bytes[kind] += size
        self._read.append(message)


class _KernelSpecs(NbvalKernelspecManager):  # type: ignore[misc]
    """nbval's kernels, with the name of who starts them where one is set."""

    def get_kernel_spec(self, kernel_name: str) -> Any:
        spec = super().get_kernel_spec(kernel_name)
        if MendedKernel.provisioner_name:
            starts = {"provisioner_name": MendedKernel.provisioner_name}
            spec.metadata = spec.metadata | {"kernel_provisioner": starts}
        return spec


def is_well_formed(message: Any) -> bool:
    """Whether all is there, of the right type, that nbval takes from a message of this kind."""
    content, parent = message.get("content"), message.get("parent_header")
    if not isinstance(content, dict) or not isinstance(parent, dict):
        return False
    text, data = content.get("text"), content.get("data")
    match message.get("msg_type"):
        case "stream":
            return content.get("name") in ("stdout", "stderr") and isinstance(text, str)
        case "display_data" | "execute_result":
            content.setdefault("execution_count", None)
            return isinstance(data, dict) and isinstance(content.setdefault("metadata", {}), dict)
        case "error":
            lines = content.get("traceback")
            texts = [content.get("ename"), content.get("evalue")]
            texts += lines if isinstance(lines, list) else [None]
            return all(isinstance(one, str) for one in texts)
        case "status":
            return isinstance(content.get("execution_state"), str)
        case kind:
            return isinstance(kind, str)


def _output_bytes(message: Any) -> int:
    if message["msg_type"] == "stream":
        return len(message["content"]["text"])
    if message["msg_type"] in ("display_data", "execute_result", "error"):
        return len(repr(message["content"]))
    return 0


def _asks_exit(reply: Any) -> bool:
    """Whether the reply to a cell says that the kernel is to end, as ``quit()`` and ``exit`` do."""
    payloads = reply["content"].get("payload")
    return isinstance(payloads, list) and any(
        isinstance(one, dict) and one.get("source") == "ask_exit" and not one.get("keepkernel")
        for one in payloads
    )


def _is_idle(message: Any) -> bool:
    return bool(message["msg_type"] == "status" and message["content"]["execution_state"] == "idle")


def _end_of(request: str) -> Any:
    content = {"execution_state": "idle"}
    return {"msg_type": "status", "parent_header": {"msg_id": request}, "content": content}
