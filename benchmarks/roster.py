"""The peers: which programs are measured beside Astral, with which versions, and how each gets a place of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import BenchError

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(__file__).resolve().parent / "peers"
CACHE = ROOT / "build" / "bench"
_INSTALL_WITHIN = 300.0  # s
# A connection that hangs is given up and tried again; npm itself waits for five minutes.
_NPM_PATIENCE = ("--fetch-timeout=20000", "--fetch-retries=4", "--fetch-retry-mintimeout=1000")

# The one place where versions stand. Each key is an environment of its own under build/bench.
PINS: dict[str, tuple[str, ...]] = {
    "ptb": ("python-telegram-bot[webhooks]==22.8", "httpx==0.28.1", "tornado==6.6.1", "aiohttp==3.14.5"),
    "flask": ("flask==3.1.3", "werkzeug==3.1.9", "python-telegram-bot==22.8", "httpx==0.28.1"),
    "aiogram": ("aiogram==3.31.0", "aiohttp==3.14.5"),
    "grammy": ("grammy@1.46.0",),
}


@dataclass(frozen=True)
class Peer:
    """A program in peers/; `place` is the environment it runs in, "" is Astral's own."""

    key: str
    title: str
    place: str
    program: str
    arguments: tuple[str, ...] = ()
    with_routes: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> list[str | Path]:
        """The command line; installs what it needs. BenchError where that is not possible."""
        program = PROGRAMS / self.program
        if self.place == "grammy":
            return [node(), program]
        return [_python(self.place) if self.place else sys.executable, program, *self.arguments]

    def extra(self) -> dict[str, str]:
        """What its process needs in the environment."""
        modules = {"NODE_PATH": str(CACHE / "grammy" / "node_modules")} if self.place == "grammy" else {}
        return {**modules, **self.environment}


FLOOR = Peer("floor", "bare aiohttp (the floor)", "", "floor.py", with_routes=False)
PEERS = (
    FLOOR,
    Peer("grammy", "grammY, node's http", "grammy", "grammy_bot.cjs"),
    Peer("aiogram", "aiogram, aiohttp", "aiogram", "aiogram_bot.py"),
    Peer("ptb-aiohttp", "PTB + httpx, aiohttp", "ptb", "ptb.py", ("aiohttp",)),
    Peer("ptb-tornado", "PTB + httpx, its tornado", "ptb", "ptb.py", ("tornado",)),
    Peer("flask", "Flask + PTB in a thread (the old Astral)", "flask", "flask_thread.py", with_routes=False),
)


def chosen(names: str | None) -> tuple[Peer, ...]:
    """The peers whose key or its beginning is named; all of them where nothing is. The floor always takes part."""
    if not names:
        return PEERS
    wanted = tuple(part.strip() for part in names.split(",") if part.strip())
    return tuple(peer for peer in PEERS if peer is FLOOR or peer.key.startswith(wanted))


def _python(place: str) -> Path:
    """The Python of an environment, made and filled when it is asked for the first time."""
    folder, pins = CACHE / place, PINS[place]
    binary = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if _is_ready(folder, pins):
        return binary
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = _uv()
    if uv:
        _run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], place)
        _run([*uv, "pip", "install", "--quiet", "--python", str(binary), *pins], place)
    else:
        _run([sys.executable, "-m", "venv", str(folder)], place)
        _run([str(binary), "-m", "pip", "install", "--quiet", *pins], place)
    _mark(folder, pins)
    return binary


def node(*, install: bool = True) -> Path:
    """node, with grammY, which is installed if told. BenchError where that is not possible."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise BenchError(f"{'node' if node is None else 'npm'} is not installed")
    folder, pins = CACHE / "grammy", PINS["grammy"]
    if not _is_ready(folder, pins):
        if not install:
            raise BenchError("grammY is not installed; python -m benchmarks.roster does that")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        options = ["--silent", "--no-fund", "--no-audit", "--no-save", "--prefix", str(folder)]
        _run([npm, "install", *options, *_NPM_PATIENCE, *pins], "grammy")
        _mark(folder, pins)
    return Path(node)


def _uv() -> list[str] | None:
    """uv, which takes a third of pip's time; dev.py has put it beside this Python if it could."""
    found = shutil.which("uv")
    if found:
        return [found]
    command = [sys.executable, "-m", "uv"]
    there = subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0
    return command if there else None


def _wanted(pins: tuple[str, ...]) -> str:
    return json.dumps([sys.version, *pins])


def _is_ready(folder: Path, pins: tuple[str, ...]) -> bool:
    stamp = folder / "bench-pins.json"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _wanted(pins)


def _mark(folder: Path, pins: tuple[str, ...]) -> None:
    (folder / "bench-pins.json").write_text(_wanted(pins), encoding="utf-8")


def _run(command: list[str], place: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=CACHE, timeout=_INSTALL_WITHIN
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{place} is not installed after {_INSTALL_WITHIN:g} s; try again") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"{command[0]} ended with {done.returncode}"]
        raise BenchError(f"{place} cannot be installed: {lines[-1][:200]}")


if __name__ == "__main__":  # what the tests of tests/foreign need, outside of their time limits
    try:
        node()
    except BenchError as error:
        sys.exit(f"grammY's tests will be skipped: {error}")
