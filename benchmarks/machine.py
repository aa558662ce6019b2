"""The machine and the versions that a result holds for."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.roster import PINS, Peer

OWN = ("astral-core", "python-telegram-bot", "aiohttp", "SQLAlchemy", "aiosqlite", "asyncpg", "msgspec")


def facts(quick: bool, peers: tuple[Peer, ...]) -> list[tuple[str, str]]:
    """Name and value of everything that a reader needs to compare."""
    used = {peer.place for peer in peers if peer.place}
    return [
        ("Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC{', quick run' if quick else ''}"),
        ("Machine", f"{_cores()} cores, {_processor()}, {_memory()} GB"),
        ("System", f"{platform.system()} {platform.release().partition('-')[0]}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("node", _node()),
        ("Astral", ", ".join(f"{name} {_version(name)}" for name in OWN)),
        *((f"Peer {place}", ", ".join(pins)) for place, pins in PINS.items() if place in used),
    ]


class Others:
    """How much of the machine other processes took, from its making until it is asked (Linux)."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def share(self) -> str:
        """In per cent of all cores."""
        others = _busy_seconds() - self._busy - (_own_seconds() - self._own)
        return f"{max(others, 0.0) / (time.monotonic() - self._began) / (os.cpu_count() or 1):.0%}"


def _busy_seconds() -> float:
    """CPU seconds that all processes of the machine have used since it started."""
    user, nice, system = Path("/proc/stat").read_text(encoding="ascii").split()[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Those of this process and of all that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        return "not installed"
    return subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
