"""The right to handle a SQLite database: one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from astral_core.db.private import make_private
from astral_core.errors import DatabaseBusy


class FileLock:
    """The right to handle a SQLite database: a lock on a file beside it that ends with the process."""

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}.lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take it; DatabaseBusy where another process has it."""
        make_private(self._path)
        handle = self._path.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "?"
            handle.close()
            raise DatabaseBusy(
                f"{self._path.with_suffix('')} is used by the process {owner}. Fix: stop that process, or give this "
                "one a database of its own (ASTRAL_DATABASE__URL), or use PostgreSQL for several."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._file = handle

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
