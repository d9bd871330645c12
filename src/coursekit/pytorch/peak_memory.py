"""How much memory a computation needs at its fullest, as PyTorch's allocator saw it."""

import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

# The profiler's own library greets on the standard error stream unless it is told not to.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def peak_bytes(run: Callable[[], object]) -> int:
    """The largest number of bytes that PyTorch held on the CPU during ``run()``, above its start.

    Counts every tensor's storage, temporary ones too, from the profiler's record of allocations.
    NumPy arrays and Python objects are not counted. Runs once before, so that what is set up on a
    first call does not count. The result of ``run`` is still held when it ends, so it counts.
    """
    run()
    with warnings.catch_warnings():
        # Some versions of PyTorch warn of further cycles, though there is only this one.
        warnings.filterwarnings("ignore", "Warning: Profiler clears events")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            result = run()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text("utf-8"))["traceEvents"]
    del result
    held = [event["args"] for event in events if event.get("name") == "[memory]"]
    if not held:
        return 0
    at_start = held[0]["Total Allocated"] - held[0]["Bytes"]
    return int(max(each["Total Allocated"] for each in held)) - int(at_start)
