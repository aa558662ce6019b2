#!/usr/bin/env python3
"""One command from a fresh clone to a running Astral; needs Python 3.11 or newer and nothing else.

    python3 dev.py              the playground: a bot in the browser, no token, no account
    python3 dev.py test         the tests

It keeps everything in .venv beside this file and never touches the system's Python. The start of a clone
installs; later starts compare a hash of the pyproject files and go on at once.
"""

import sys

# Everything before this line, and the syntax of the whole file, is understood by Python 3.6, to be able to say:
if sys.version_info < (3, 11):
    sys.exit("Astral needs Python 3.11 or newer, this is Python %d.%d: try python3.13 dev.py" % sys.version_info[:2])

import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "astral-dev-stamp"
STARTED = time.monotonic()


class Command(NamedTuple):
    """What a word on the command line runs: ``python -m module``, with the tools of the dev group or without."""

    module: str
    tools: bool
    help: str
    arguments: "tuple[str, ...]" = ()
    unless_chosen: "tuple[str, ...]" = ()  # further ones, where the command line chooses nothing


# Some tests wait while others compute; more than four at a time get into each other's way.
SIDE_BY_SIDE = ("-n", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "worksteal")
# Of a run that names no test: what takes long and says what another test says is left to tox.
WITHOUT_THE_REST = ("-m", "not rest")
CHOOSERS = ("-k", "-m", "--lf", "--last-failed")  # options of pytest that choose tests, as a file's name does

COMMANDS = {
    "playground": Command("astral_playground", False, "a bot in the browser, no token, no account (the default)"),
    "test": Command(
        "pytest",
        True,
        "the tests: this Python, SQLite, PostgreSQL and the browser where they exist",
        SIDE_BY_SIDE,
        WITHOUT_THE_REST,
    ),
    "bench": Command("benchmarks.bench", True, "the speed, side by side with other frameworks"),
    "chaos": Command("benchmarks.chaos", True, "kill -9 at random, then look for lost and doubled effects"),
    "books": Command("benchmarks.books", True, "people who buy in a bad world, then a look into all books"),
    "faults": Command("benchmarks.faults", True, "what of the table of faults needs minutes"),
    "bot-api": Command("tools.bot_api", True, "renew the Bot API's table from aiogram's source distribution"),
    "soak": Command("benchmarks.soak", True, "hours of load: memory, lag, order"),
}


class Stamp(NamedTuple):
    """What .venv was made for: the Python and place, the pyproject files, and whether the tools are in."""

    identity: str
    projects: str = ""
    tools: str = ""

    @classmethod
    def read(cls) -> "Stamp | None":
        """Return the stamp of .venv, None where there is none or it is not ours."""
        try:
            lines = STAMP.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        return cls(*lines) if 1 <= len(lines) <= 3 else None

    def write(self) -> None:
        """Store the stamp; an unfinished installation has the identity alone."""
        STAMP.write_text("\n".join(self) + "\n", encoding="utf-8")


def identity() -> str:
    """Return the Python and the place that a .venv is good for; moved or with another Python it is made anew."""
    return "{} {}.{}.{} {}".format(sys.implementation.name, *sys.version_info[:3], ROOT)


def projects() -> list[Path]:
    """Return the folders of the core and of every plugin."""
    return [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def fingerprint() -> str:
    """Return a hash that changes with any pyproject file, new and removed ones included."""
    digest = hashlib.sha256()
    for folder in projects():
        digest.update(f"{folder.relative_to(ROOT)}\n".encode() + (folder / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group; pip reads groups only since 25.1, so we do."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found: list[str] = []
    for entry in groups[name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


def say(text: str) -> None:
    """Print a progress line with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", file=sys.stderr, flush=True)


def run(*command: "str | Path") -> bool:
    """Run a command with its errors shown; return whether it succeeded."""
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0


def works(*command: "str | Path") -> bool:
    """Tell in silence whether a command is there and succeeds."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def make_venv() -> None:
    """Make .venv, without pip: that takes no part of Python that Debian leaves out, and a tenth of the time."""
    stamp = Stamp.read()
    if stamp is not None and stamp.identity != identity():
        say("This is another Python or place than before: .venv is made anew")
        shutil.rmtree(VENV)
    elif stamp is None and VENV.exists() and not fits():
        sys.exit(f"{VENV} is not of dev.py and not of this Python: move it away, then start again.")
    if not PYTHON.exists():
        say("Making .venv with Python {}.{}.{}".format(*sys.version_info[:3]))
        VENV.mkdir(exist_ok=True)
        Stamp(identity()).write()  # from here on a broken-off start is ours to mend
        if not run(sys.executable, "-m", "venv", "--without-pip", VENV):
            sys.exit("This Python cannot make a virtual environment: sudo apt install python3-venv")


def fits() -> bool:
    """Tell whether a .venv that somebody else made has this version of Python."""
    version = "import sys; sys.exit(sys.version_info[:2] != ({}, {}))".format(*sys.version_info[:2])
    return PYTHON.exists() and works(PYTHON, "-c", version)


def pip() -> "list[str | Path]":
    """Return a pip that installs into .venv: its own, or this Python's."""
    if importlib.util.find_spec("pip") and works(sys.executable, "-m", "pip", "--python", PYTHON, "--version"):
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    if works(PYTHON, "-m", "pip", "--version") or works(PYTHON, "-m", "ensurepip"):
        return [PYTHON, "-m", "pip"]
    sys.exit("This Python has neither pip nor ensurepip: sudo apt install python3-venv")


def installers() -> "Iterator[list[str | Path]]":
    """Give the ways to install into .venv, the fast ones first: uv takes a third of pip's time."""
    uv = shutil.which("uv")
    if uv:
        yield [uv, "pip", "install", "--quiet", "--python", PYTHON]
    install = [*pip(), "install", "--quiet", "--disable-pip-version-check"]
    say("Looking for uv, which installs faster than pip")
    if works(PYTHON, "-m", "uv", "--version") or works(*install, "--retries", "1", "uv"):
        yield [PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON]
    yield install


def prepare(tools: bool) -> None:
    """Bring .venv up to date for a command, which is no work when nothing has changed."""
    wanted = Stamp(identity(), fingerprint(), "tools" if tools else "")
    stamp = Stamp.read()
    if stamp is not None and PYTHON.exists() and stamp[:2] == wanted[:2] and (stamp.tools or not tools):
        return
    make_venv()
    tools = tools or bool(stamp and stamp.tools)
    # One command for all: apart, a plugin would look for astral-core on PyPI.
    packages = [part for folder in projects() for part in ("-e", str(folder))] + (group("dev") if tools else [])
    for installer in installers():
        say(f"Installing Astral and its plugins{' with the tools for tests' if tools else ''}")
        if run(*installer, *packages):
            wanted._replace(tools="tools" if tools else "").write()
            say("Ready")
            return
    sys.exit("Astral could not be installed (the reason is above): is there a network, or a mirror of PyPI to set?")


def environment() -> "dict[str, str]":
    """Return the variables of a command: this process's, with a place for bytecode where none may be left.

    PYTHONDONTWRITEBYTECODE keeps bytecode out of the tree, and makes each process compile Astral and all libraries
    anew: three seconds of each of the many processes that the tests start. .venv is ours to write to.
    """
    variables = dict(os.environ)
    if variables.pop("PYTHONDONTWRITEBYTECODE", ""):
        variables["PYTHONPYCACHEPREFIX"] = str(VENV / "bytecode")
    return variables


def start(module: str, arguments: list[str]) -> NoReturn:
    """Become ``python -m module``: its signals, output and exit code are the command's."""
    command = [str(PYTHON), "-m", module, *arguments]
    os.chdir(ROOT)
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment())
    # Windows' exec would give the prompt back while the program still runs
    process = subprocess.Popen(command, env=environment())
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue  # the program got it too and ends in its own time


def usage() -> str:
    """Return the commands, one a line."""
    lines = [f"  {name:<11} {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: python3 dev.py [command] [its arguments]", "", *lines])


def main(arguments: list[str]) -> NoReturn:
    """Run the command that the arguments name."""
    if arguments[:1] in (["-h"], ["--help"], ["help"]):
        print(usage())
        sys.exit(0)
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else ("playground", arguments)
    command = COMMANDS.get(name)
    if command is None:
        print(f"There is no command {name!r}.\n{usage()}", file=sys.stderr)
        sys.exit(2)
    folder, _, part = command.module.partition(".")
    if part and not (ROOT / folder / f"{part}.py").exists() and not (ROOT / folder / part).is_dir():
        print(f"This copy of Astral has no {folder}/{part}.py: {name} cannot run.", file=sys.stderr)
        sys.exit(2)
    prepare(command.tools)
    chosen = any(word.startswith(CHOOSERS) or (ROOT / word.partition("::")[0]).exists() for word in rest)
    start(command.module, [*command.arguments, *(() if chosen else command.unless_chosen), *rest])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
