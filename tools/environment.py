"""Make the project's own environment in .venv, once, from requirements.txt.

    python3 tools/environment.py

Does nothing when .venv is up to date: a stamp in it holds a hash of what it was made from. Uses
the standard library alone and runs on any Python 3, to be able to say that one is too old.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-from.txt"
SOURCES = ("requirements.txt", "pyproject.toml")
OLDEST = (3, 11)
TRIED = ("python3.13", "python3.12", "python3.11", "python3", "python")
GIGABYTES_NEEDED = 4
NO_NETWORK = ("NewConnectionError", "name resolution", "Max retries exceeded", "ProxyError")
NO_SPACE = "No space left on device"


class Stop(Exception):  # noqa: N818  (a sentence for the user, not an error of this file)
    """A sentence for the user: what is wrong and what to do."""


def main():
    """Make the environment, or end with one sentence."""
    try:
        make_environment()
    except Stop as stop:
        sys.exit(f"{Path(__file__).name}: {stop}")
    except KeyboardInterrupt:
        sys.exit("\nstopped; run the same command again to go on")


def make_environment():
    """Bring .venv up to date with requirements.txt and pyproject.toml."""
    python = interpreter_of(VENV)
    made_from = fingerprint()
    if runs(python) and STAMP.is_file() and STAMP.read_text() == made_from:
        return
    if not runs(python):
        create(python)
    say("Installing the pinned packages into .venv (a few minutes the first time)")
    install(python)
    STAMP.write_text(made_from)
    say("The environment is ready.")


def create(python):
    """Make an empty .venv with a Python that is new enough."""
    base = new_enough()
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < GIGABYTES_NEEDED:
        raise Stop(
            f"the environment needs {GIGABYTES_NEEDED} GB and {free:.1f} GB are free on this "
            "disk; make room and run the same command again."
        )
    say(f"Making .venv with {base}")
    made = subprocess.run(
        [base, "-m", "venv", "--clear", str(VENV)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if made.returncode or not runs(python):
        raise Stop(
            f"{base} cannot make an environment; on Debian and Ubuntu 'sudo apt-get install "
            "python3-venv' mends that."
        )


def install(python):
    """Install requirements.txt and the package itself, one line of progress a package."""
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["-r", "requirements.txt", "-e", "."]
    pip = subprocess.Popen(
        command,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    log = []
    packages = 0
    for line in pip.stdout:
        log.append(line)
        name = re.match(r"Collecting ([^ ]+)", line)
        if name:
            packages += 1
            progress(f"{packages:4d}  {name.group(1)}")
        elif line.startswith("Installing collected packages") and packages:
            progress(f"installing {packages} packages, about a minute")
    progress("")
    if pip.wait():
        raise Stop(reason("".join(log)))


def reason(log):
    """One sentence for what pip said when it failed."""
    if NO_SPACE in log:
        return "the disk is full; make room and run the same command again."
    if any(sign in log for sign in NO_NETWORK):
        return "the package index cannot be reached; go online and run the same command again."
    # What pip's own subprocesses say, for example while they build a package, is indented.
    errors = [line.strip() for line in log.splitlines() if line.lstrip().startswith("ERROR")]
    return "pip could not install the packages: {}".format((errors or ["no reason given"])[-1])


def new_enough():
    """Path of a Python that is at least 3.11: this one if it will do, else the first found."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in TRIED:
        path = shutil.which(name)
        if path and runs(path):
            return path
    raise Stop(
        "this is Python {}.{}, and the course needs {}.{} or newer; install one from python.org or "
        "your system's packages.".format(*(sys.version_info[:2] + OLDEST))
    )


def runs(python):
    """Whether ``python`` starts and is new enough; a version manager's stub may do neither."""
    test = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        asked = subprocess.run(
            [str(python), "-c", test], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return asked.returncode == 0


def interpreter_of(venv):
    """Where the interpreter of an environment is on this system."""
    return str(venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python")


def fingerprint():
    """Hash of the files that .venv is made from."""
    contents = b"\0".join((ROOT / name).read_bytes() for name in SOURCES)
    return hashlib.sha256(contents).hexdigest() + "\n"


def say(sentence):
    """Print a line at once, also into a pipe."""
    print(sentence, flush=True)


def progress(text):
    """Show ``text`` in place of what was shown before; on a log, a line each."""
    if sys.stdout.isatty():
        print("\r\033[K" + text, end="", flush=True)
    elif text:
        print(text, flush=True)


if __name__ == "__main__":
    main()
