"""The files of a SQLite database are readable by the bot's user alone."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import URL
from sqlalchemy.util import asbool

from astral_core.errors import ConfigError

log = logging.getLogger("astral.database")
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside the file; it makes them with the file's own rights
ALONE = 0o600


def named_plainly(url: URL) -> URL:
    """The URL of a SQLite database with the file's own name where it names a URI (`file:astral.db?uri=true`).

    All that looks at the file takes the name from here. ConfigError where the URI asks for more than a file.
    """
    name, query = url.database or "", dict(url.query)
    if not (asbool(query.pop("uri", False)) and name.startswith("file:")):
        return url
    parts = urlsplit(name)
    more = {key for key in ("mode", "cache", "vfs", "psow", "nolock", "immutable") if query.pop(key, "rwc") != "rwc"}
    file = unquote(parts.path)
    if more or parts.query or parts.netloc not in ("", "localhost") or not file or file == ":memory:":
        raise ConfigError(
            f"database.url names {name!r}: Astral needs a file that it may read and write, and takes no options of "
            "SQLite's. Fix: name the file alone, e.g. sqlite+aiosqlite:///astral.db."
        )
    return url.set(database=file, query=query)


def make_private(path: str | Path) -> None:
    """Make the file with rights for its owner alone, or take the others' rights away from one that is there.

    What SQLite keeps beside it follows. A folder that cannot be written to is SQLite's to complain about.
    """
    file = Path(path)
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, ALONE))
    except OSError:
        _tighten(file)
    for ending in BESIDE:
        _tighten(file.with_name(file.name + ending))


def _tighten(file: Path) -> None:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(ALONE)
    except FileNotFoundError:
        return
    except OSError as error:  # it is somebody else's
        log.warning(
            "%s can be read by others (%s); it holds what people told the bot. Fix: chmod 600, and let it belong to "
            "the bot's user.", file, error.strerror,
        )  # fmt: skip
