"""What hostile, broken and unlucky students hand in, and what each deserves.

Three questions of 2, 4 and 3 points: `double`, `mean` and `spread`. An attack replaces the middle
answer; the answers before and after it are right, so that whatever an attack does to them shows.
Half of a question's points hang on hidden inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ALL, WITHOUT_MEAN, HALF_OF_MEAN = 9.0, 5.0, 7.0
RIGHT = "def mean(numbers):\n    return sum(numbers) / len(numbers)\n"
WRONG = "def mean(numbers):\n    return -1.0\n"


@dataclass(frozen=True)
class Attack:
    """The answer to `mean`, and the points of the whole submission."""

    source: str
    deserves: float
    status: str = ""
    metadata: dict = field(default_factory=dict)
    outputs: tuple = ()


def in_call(body: str) -> str:
    """The answer whose function does ``body``."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"def mean(numbers):\n{lines}\n"


def right_after(body: str) -> str:
    """The right answer, after the cell did ``body``, come what may."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"try:\n{lines}\nexcept BaseException as error:\n    pass\n{RIGHT}"


ATTACKS = {
    "honest": Attack(RIGHT, ALL),
    "wrong": Attack(WRONG, WITHOUT_MEAN),
    "visible example hard-coded": Attack(in_call("return 1.5"), HALF_OF_MEAN),
    "syntax error": Attack("def mean(numbers) return", WITHOUT_MEAN, "exception"),
    # It does not end, or not as it should.
    "loop": Attack(in_call("while True: pass"), WITHOUT_MEAN),
    "loop in the cell": Attack("while True: pass", WITHOUT_MEAN, "timeout"),
    "loop that swallows interrupts": Attack(
        in_call("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
        WITHOUT_MEAN,
    ),
    "interrupt ignored": Attack(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1e6)",
        WITHOUT_MEAN,
        "timeout",
    ),
    "waits for ever, asynchronously": Attack(
        "import asyncio\nawait asyncio.sleep(1e6)", WITHOUT_MEAN, "timeout"
    ),
    "asks for input": Attack(in_call("return float(input())"), WITHOUT_MEAN),
    "exit of the process": Attack("import os\nos._exit(0)", WITHOUT_MEAN, "crash"),
    "exit of the process in a call": Attack(in_call("import os\nos._exit(0)"), WITHOUT_MEAN),
    "system exit": Attack(in_call("raise SystemExit(0)"), WITHOUT_MEAN),
    "quit": Attack("quit()\n" + WRONG, WITHOUT_MEAN, "crash"),
    "segmentation fault": Attack(in_call("import ctypes\nctypes.string_at(0)"), WITHOUT_MEAN),
    "stack overflow": Attack(
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "def mean(numbers):\n    return [*map(mean, [numbers])][0]",
        WITHOUT_MEAN,
    ),
    "kills itself": Attack(in_call("import os\nos.kill(os.getpid(), 9)"), WITHOUT_MEAN),
    "kills everybody": Attack(in_call("import os\nos.kill(-1, 9)"), WITHOUT_MEAN),
    "stops itself": Attack("import os\nos.kill(os.getpid(), 19)", WITHOUT_MEAN, "timeout"),
    # It takes all there is.
    "memory": Attack("taken = bytearray(8 << 30)", WITHOUT_MEAN, "memory"),
    "memory of many processes": Attack(
        in_call(
            "import os, time\n"
            "for number in range(12):\n"
            "    if os.fork() == 0:\n"
            "        taken = bytearray(150 << 20)\n"
            "        time.sleep(1e6)\n"
            "time.sleep(1e6)"
        ),
        WITHOUT_MEAN,
    ),
    "fork bomb": Attack(
        in_call("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
        WITHOUT_MEAN,
    ),
    "print without end": Attack("while True: print('x' * 1000)", WITHOUT_MEAN),
    "prints 20 MB": Attack(right_after("print('x' * 20_000_000)"), ALL),
    "prints 20 MB in a call": Attack(
        in_call("print('x' * 20_000_000)\nreturn sum(numbers) / len(numbers)"), ALL
    ),
    "one message over all bounds": Attack(right_after("print('x' * 70_000_000)"), ALL),
    "huge picture": Attack(
        right_after(
            "from IPython.display import publish_display_data\n"
            "publish_display_data({'image/png': 'QUFB' * 5_000_000})"
        ),
        ALL,
    ),
    "prints for ever in a thread": Attack(
        right_after(
            "import threading\n"
            "def talk():\n"
            "    while True: print('x' * 100)\n"
            "threading.Thread(target=talk, daemon=True).start()"
        ),
        ALL,
    ),
    "huge file": Attack(
        right_after("with open('x', 'wb') as file:\n    file.write(bytes(1 << 30))"), ALL
    ),
    "huge value": Attack(in_call("return [0] * 50_000_000"), WITHOUT_MEAN),
    "deep value": Attack(
        in_call("value = []\nfor _ in range(100_000): value = [value]\nreturn value"), WITHOUT_MEAN
    ),
    "warning on stderr": Attack(right_after("import warnings\nwarnings.warn('careful')"), ALL),
    # It wants the answer to be taken for right.
    "always equal": Attack(
        "class Equal:\n"
        "    def __eq__(self, other): return True\n"
        "    def __float__(self): return 1.5\n" + in_call("return Equal()"),
        WITHOUT_MEAN,
    ),
    "float that is always equal": Attack(
        "class Equal(float):\n"
        "    __hash__ = float.__hash__\n"
        "    def __eq__(self, other): return True\n" + in_call("return Equal(-1)"),
        WITHOUT_MEAN,
    ),
    "array that is always equal": Attack(
        "import numpy\n"
        "class Equal(numpy.ndarray):\n"
        "    def __eq__(self, other): return True\n"
        "    def __array_ufunc__(self, *inputs, **options): return True\n"
        + in_call("return numpy.zeros(3).view(Equal)"),
        WITHOUT_MEAN,
    ),
    "object that lies about its class": Attack(
        "class Liar:\n    __class__ = float\n" + in_call("return Liar()"), WITHOUT_MEAN
    ),
    "comparison patched": Attack(
        "import builtins, math, numpy\n"
        "builtins.abs = lambda x: 0\n"
        "math.isclose = numpy.allclose = numpy.array_equal = lambda *a, **k: True\n" + WRONG,
        WITHOUT_MEAN,
    ),
    "asserts taken out of the syntax tree": Attack(
        "import ast\n"
        "class Strip(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Strip())\n" + WRONG,
        WITHOUT_MEAN,
    ),
    "frames searched for what is expected": Attack(
        "import sys\n"
        + in_call(
            "frame = sys._getframe()\n"
            "while frame:\n"
            "    for place in (frame.f_locals, frame.f_globals):\n"
            "        for name in ('expected', 'wanted', 'reference', 'solution'):\n"
            "            if isinstance(place.get(name), float): return place[name]\n"
            "    for constant in frame.f_code.co_consts:\n"
            "        if isinstance(constant, float): return constant\n"
            "    frame = frame.f_back\n"
            "return -1.0"
        ),
        WITHOUT_MEAN,
    ),
    "answers displayed before they are asked for": Attack(
        "from IPython.display import publish_display_data\n"
        "for number in range(1, 10):\n"
        "    answer = {'number': number, 'value': 1.5}\n"
        "    publish_display_data({'application/vnd.batch-by-batch.answer+json': answer})\n"
        + WRONG,
        WITHOUT_MEAN,
    ),
    "a value sent twice": Attack(
        in_call(
            "from IPython.display import publish_display_data\n"
            "answer = {'number': 1, 'value': 1.5}\n"
            "publish_display_data({'application/vnd.batch-by-batch.answer+json': answer})\n"
            "return -1.0"
        ),
        WITHOUT_MEAN,
    ),
    "emitting replaced": Attack(
        # Whoever owns the process owns what it says: it says 1.5 to everything from here on, which
        # earns what writing "return 1.5" earns, and loses the next question.
        "import coursekit.grading.emitting as emitting\nemitting.encode = lambda value: 1.5\n"
        + WRONG,
        4.0,
    ),
    "names that checks might use": Attack(
        right_after("json = list = str = emit = isinstance = None"), ALL
    ),
    "exception that cannot be printed": Attack(
        "class Bad(Exception):\n    def __str__(self): return 1 / 0\n" + in_call("raise Bad"),
        WITHOUT_MEAN,
    ),
    # It talks to the grader as if it were the kernel.
    "forged end of the cell": Attack(
        in_call(
            "kernel = get_ipython().kernel\n"
            "parent = kernel.get_parent()\n"
            "send = kernel.session.send\n"
            "send(kernel.iopub_socket, 'status', {'execution_state': 'idle'}, parent=parent)\n"
            "return -1.0"
        ),
        WITHOUT_MEAN,
    ),
    "malformed messages": Attack(
        right_after(
            "kernel = get_ipython().kernel\n"
            "parent = kernel.get_parent()\n"
            "send = kernel.session.send\n"
            "out = kernel.iopub_socket\n"
            "send(out, 'stream', {'name': 7, 'text': None}, parent=parent)\n"
            "send(out, 'display_data', {'data': []}, parent=parent)\n"
            "send(out, 'error', {'traceback': 3}, parent=parent)\n"
            "send(out, 'status', {}, parent=parent)\n"
            "send(out, 'nonsense', {'a': 1}, parent=[1])\n"
            "deep = '[' * 100_000 + ']' * 100_000\n"
            "out.send_multipart([b'x', b'<IDS|MSG>', b'', b'{}', b'{', b'{}', deep.encode()])\n"
            "out.send_multipart([b'junk'])"
        ),
        ALL,
    ),
    "output closed": Attack("get_ipython().kernel.iopub_thread.close()\n" + WRONG, WITHOUT_MEAN),
    "output replaced": Attack(
        right_after("import sys\nsys.stdout = sys.stderr = sys.displayhook = None"), WITHOUT_MEAN
    ),
    # It wants out.
    "reads what the grader has": Attack(
        "import glob\n"
        "found = glob.glob('/tmp/batch-by-batch-*/*') + glob.glob('@OUTSIDE@/*')\n"
        "exec(open(found[0]).read())",
        WITHOUT_MEAN,
        "exception",
    ),
    "writes outside": Attack(right_after("open('@OUTSIDE@/written', 'w').write('x')"), ALL),
    "writes into Python": Attack(
        right_after("import numpy\nopen(numpy.__file__, 'a').write('\\nraise SystemExit')"), ALL
    ),
    "symbolic link to the outside": Attack(
        right_after(
            "import os\nos.symlink('@OUTSIDE@', 'door')\nopen('door/written', 'w').write('x')"
        ),
        ALL,
    ),
    "looks for secrets in the environment": Attack(
        "import glob, os\n"
        "text = repr(os.environ)\n"
        "for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/task/*/environ'):\n"
        "    try: text += open(path).read()\n"
        "    except OSError: pass\n"
        "if '@SECRET@' in text:\n"
        "    " + RIGHT.replace("\n", "\n    ").rstrip() + "\n"
        "else:\n    " + WRONG.replace("\n", "\n    ").rstrip(),
        WITHOUT_MEAN,
    ),
    "calls home": Attack(
        right_after(
            "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 2).sendall(b'x')"
        ),
        ALL,
    ),
    "removes everything": Attack(
        right_after("import shutil\nshutil.rmtree('/', ignore_errors=True)"), ALL
    ),
    "leaves processes behind": Attack(
        right_after(
            "import os, sys\n"
            "for number in range(5):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        if os.fork() == 0:\n"
            "            sleep = 'import time; time.sleep(1e6) # @LEFT@'\n"
            "            os.execv(sys.executable, [sys.executable, '-c', sleep])\n"
            "        os._exit(0)"
        ),
        ALL,
    ),
    "becomes root": Attack(
        "import os\n"
        "try:\n"
        "    os.setuid(0)\n"
        "    " + RIGHT.replace("\n", "\n    ").rstrip() + "\n"
        "except OSError:\n    " + WRONG.replace("\n", "\n    ").rstrip(),
        WITHOUT_MEAN,
    ),
    # Its notebook tells nbval what to do.
    "comments for nbval": Attack("# NBVAL_SKIP\n# NBVAL_RAISES_EXCEPTION\n1 / 0", WITHOUT_MEAN),
    "tags for nbval": Attack(
        "raise ValueError", WITHOUT_MEAN, metadata={"tags": ["raises-exception", "nbval-skip"]}
    ),
    "outputs stored in the notebook": Attack(
        WRONG,
        WITHOUT_MEAN,
        outputs=(
            {
                "output_type": "display_data",
                "metadata": {},
                "data": {"application/vnd.batch-by-batch.answer+json": {"number": 1, "value": 1.5}},
            },
        ),
    ),
}
