"""What every part of the benchmark is given."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from astral_playground.testkit import postgres as kit
from benchmarks.bots import Bots
from benchmarks.report import BenchError, Report
from benchmarks.roster import Peer


@dataclass
class Setting:
    """The bots, the report, the peers that take part, and a PostgreSQL server or the reason why there is none."""

    bots: Bots
    report: Report
    peers: tuple[Peer, ...]
    quick: bool
    postgres: kit.PostgresServer | None
    no_postgres: str = ""
    _began: float = field(default_factory=time.monotonic)
    _made: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """A line of progress, with the seconds since the start."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)

    def pick(self, full: int, quick: int) -> int:
        """`full`, or `quick` in a quick run."""
        return quick if self.quick else full

    def engines(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """The name of each engine that is here, and what gives the URL of a new, empty database of it."""
        yield "SQLite", self.bots.sqlite
        if self.postgres is not None:
            yield "PostgreSQL", self.new_postgres

    def new_postgres(self) -> str:
        """The URL of a new, empty PostgreSQL database; BenchError where there is no server."""
        if self.postgres is None:
            raise BenchError(self.no_postgres)
        self._made.append(self.postgres.create_database())
        return self.postgres.url(self._made[-1])

    def drop_databases(self) -> None:
        """Leave no database behind on a server that is not ours alone."""
        while self.postgres is not None and self._made:
            self.postgres.drop_database(self._made.pop())


@contextmanager
def durable_postgres(folder: Path) -> Iterator[tuple[kit.PostgresServer | None, str]]:
    """A PostgreSQL that is safe against power cuts, or None and the reason.

    The test kit puts servers into memory where it can, which is right for tests: there fsync costs nothing. Here
    it has to cost what it costs.
    """
    with patch.object(kit, "MEMORY", folder / "no-memory"), ExitStack() as stack:
        try:
            server = stack.enter_context(kit.postgres(fsync=True))
        except (kit.PostgresUnavailableError, OSError) as error:
            yield None, str(error)
            return
        yield server, ""


def described(server: kit.PostgresServer) -> str:
    """Its version, where it comes from, and whether a commit waits for the disk."""
    version, *settings = (
        server.execute(f"SHOW {name}") for name in ("server_version", "fsync", "synchronous_commit")
    )
    return f"{version} ({server.origin}), fsync {settings[0]}, synchronous_commit {settings[1]}"
