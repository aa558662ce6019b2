"""The machine under the bot: Python, disk, descriptors, cores and the port."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.specifiers import SpecifierSet

from astral_core import descriptors
from astral_core.config import Settings
from astral_core.doctor.database import url_of
from astral_core.doctor.running import is_astral
from astral_core.finding import Finding

LEAST_FREE = 500 * 2**20  # bytes: below this a busy bot's database may fill the disk within a day


def check_machine(settings: Settings | None, *, python: str = "", least_free: int = LEAST_FREE) -> Iterator[Finding]:
    """Python, disk, descriptors and cores; `settings` are None where they do not load."""
    yield from _check_python(python or platform.python_version())
    yield from _check_disk(_folder(settings), least_free)
    if settings is not None:
        yield from check_descriptors(settings, descriptors.limit(attainable=True))
    workers, cores = settings.pool.workers if settings else None, os.cpu_count()
    if workers and cores and workers > cores:
        cause = f"{workers} processes shall compute, and this machine has {cores} cores."
        fix = f"set ASTRAL_POOL__WORKERS to {max(1, cores - 1)} or less, or unset it."
        yield Finding("pool-too-large", "pool.workers", cause, fix, fatal=False)


def _check_python(version: str) -> Iterator[Finding]:
    wanted = str(distribution("astral-core").metadata["Requires-Python"])
    if not SpecifierSet(wanted).contains(version, prereleases=True):
        yield Finding("python-too-old", "python", f"this is Python {version}.", f"use a Python {wanted}.")


def _check_disk(folder: Path, least: int) -> Iterator[Finding]:
    if not folder.is_dir():
        return  # the check of the database says so
    free = shutil.disk_usage(folder).free
    if free < least:
        cause = f"{free // 2**20} MB are free on the disk of {folder}."
        yield Finding("disk-nearly-full", "disk", cause, "free some space, or move the database.", fatal=False)


def check_descriptors(settings: Settings, allowed: int | None) -> Iterator[Finding]:
    """Whether a process with `allowed` descriptors can take as many connections as the settings want."""
    trouble = descriptors.too_few(settings, allowed)
    if trouble is not None:
        yield Finding("descriptors-few", "web.max_connections", *trouble, fatal=False)


def _folder(settings: Settings | None) -> Path:
    """Where the bot writes: the folder of its SQLite file, else the one in which it is started."""
    url = url_of(settings.database.url.get_secret_value()) if settings else None
    if url is None or url.get_backend_name() != "sqlite" or not url.database:
        return Path.cwd()
    return Path(url.database).absolute().parent


async def check_port(settings: Settings) -> list[Finding]:
    """Try to listen where the bot shall; the bot itself, where it runs, is told from a stranger."""
    host, port = settings.web.host, settings.web.port
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        cause = f"cannot listen on {host}:{port} ({error.strerror or type(error).__name__})."
        if await is_astral(host, port):
            cause = f"a bot made with Astral answers on {host}:{port}, most likely this one."
            return [Finding("port-taken", "web.port", cause, "nothing to do where it is this one.", fatal=False)]
        fix = "stop the program that uses the port, or set ASTRAL_WEB__PORT and ASTRAL_WEB__HOST."
        return [Finding("port-taken", "web.port", cause, fix)]
    server.close()
    await server.wait_closed()
    return []
