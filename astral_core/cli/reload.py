"""`astral run --reload`: for authors. The bot is a child process that is started anew when a source file changes.

A new process and no reloaded modules: what a plugin registered, patched or kept in memory is gone for certain.
"""

from __future__ import annotations

import importlib.util
import logging
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from astral_core.config import config_file
from astral_core.host.state import LoadedPlugin

log = logging.getLogger("astral")
PERIOD = 0.3  # seconds between two looks at the files
PATIENCE = 25.0  # seconds that the bot may take to drain
KINDS = frozenset({".py", ".po", ".toml", ".html", ".css", ".js", ".sql"})


def run_reloading(arguments: Sequence[str], plugins: Iterable[LoadedPlugin]) -> int:
    """Run `astral` with `arguments` again and again, until a signal; return the exit code."""
    places = [*places_of(plugins), config_file()]
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        del number, frame
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not stopping:
        seen = snapshot(places)
        child = subprocess.Popen([sys.executable, "-m", "astral_core.cli", *arguments])  # noqa: S603  # ourselves
        while not stopping and not (changed := differences(seen, snapshot(places))):
            time.sleep(PERIOD)
        if not stopping:
            log.info("%s changed; the bot starts anew", ", ".join(sorted(path.name for path in changed)))
        _end(child)
    return 0


def places_of(plugins: Iterable[LoadedPlugin]) -> Iterator[Path]:
    """The folders and files of plugins that somebody may be writing: what is installed from wheels stays as it is."""
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    for plugin in plugins:
        if plugin.path is not None:
            yield plugin.path
            continue
        spec = importlib.util.find_spec(plugin.package)  # of a top-level package: nothing is imported
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if not any(Path(place).is_relative_to(folder) for folder in installed):
                yield Path(place)


def snapshot(places: Iterable[Path]) -> dict[Path, int]:
    """When each source file at these places was changed (nanoseconds)."""
    found: dict[Path, int] = {}
    for place in places:
        for path in (place,) if place.is_file() else place.rglob("*"):
            if path.suffix in KINDS:
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:  # an editor replaces it just now
                    continue
    return found


def differences(before: dict[Path, int], after: dict[Path, int]) -> set[Path]:
    """The files that are new, gone, or written between two snapshots."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the bot drain; one that does not end is killed, which loses nothing."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
