"""File descriptors: how many this process may open, and for how many connections of the server they are enough.

Each socket and each open file takes one. A process that has none left cannot answer Telegram, open a file of its
database, or call the Bot API, and strangers who merely connect could bring it there.
"""

from __future__ import annotations

import contextlib

from astral_core.config import Settings

LEAST = 16  # connections that the server takes, however few descriptors there are
BASE = 64  # the program's own files and pipes, the process pool, the log, locks, and what plugins open
OUTSIDE = 48  # connections to the Bot API and to others; a call that gets none is tried again
PER_SQLITE = 2  # the file and its log
BESIDE = 10  # connections to the database beside those of the pool
PER_HOST = 100  # connections of plugins to one host
TELEGRAM = 256  # connections to the Bot API
FALLBACKS = (65_536, 24_576, 10_240, 4_096)  # where the hard limit says "any number" and the system takes no such one


def raise_limit() -> None:
    """Let this process open as many files as it is allowed to: the usual soft limit is made for other programs."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in (hard, resource.RLIM_INFINITY):
        return
    for wanted in (hard, *FALLBACKS):
        if wanted != resource.RLIM_INFINITY and wanted <= soft:
            continue
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return


def limit(*, attainable: bool = False) -> int | None:
    """How many descriptors this process may have now; None where there is no limit.

    With `attainable`, how many `raise_limit` would leave it with.
    """
    try:
        import resource
    except ImportError:
        return None
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[attainable]
    return None if found == resource.RLIM_INFINITY else found


def needed(settings: Settings) -> int:
    """How many descriptors a busy bot needs beside the connections of its server."""
    per_connection = PER_SQLITE if settings.database.url.get_secret_value().startswith("sqlite") else 1
    return BASE + OUTSIDE + (settings.database.pool_size + BESIDE) * per_connection


def connections(settings: Settings, allowed: int | None) -> int:
    """How many connections the server may take with `allowed` descriptors: web.max_connections, or fewer."""
    most = settings.web.max_connections
    return most if allowed is None else min(most, max(LEAST, allowed - needed(settings)))


def outgoing(settings: Settings, allowed: int | None) -> tuple[int, int]:
    """How many connections plugins may have to others at a time, and to one host; 0 is any number.

    An API that gives no answer keeps as many as call it: they must not be those that the database needs.
    """
    most = _left(settings, allowed)
    return (0, PER_HOST) if most is None else (most, min(PER_HOST, most // 2))


def to_telegram(settings: Settings, allowed: int | None) -> int:
    """How many connections to the Bot API there may be."""
    most = _left(settings, allowed)
    return TELEGRAM if most is None else min(TELEGRAM, most)


def _left(settings: Settings, allowed: int | None) -> int | None:
    """What the server, the database and the program leave; half of OUTSIDE at least. None where there is no limit."""
    if allowed is None:
        return None
    return max(OUTSIDE // 2, allowed - needed(settings) - connections(settings, allowed))


def too_few(settings: Settings, allowed: int | None) -> tuple[str, str] | None:
    """What is wrong with `allowed` descriptors, and how to fix it; None where they are enough."""
    most, fitted = settings.web.max_connections, connections(settings, allowed)
    if allowed is None or fitted == most:
        return None
    wanted = most + needed(settings)
    cause = f"this process may open {allowed} files, so its server takes {fitted} connections instead of {most}."
    fix = (
        f"let it open {wanted} (`ulimit -n {wanted}`, or LimitNOFILE={wanted} in its systemd unit), "
        "or lower ASTRAL_WEB__MAX_CONNECTIONS."
    )
    return cause, fix
