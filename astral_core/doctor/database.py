"""The database: whether it can be opened, by whom it is used, and whether its schema fits."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from astral_core.config import Settings
from astral_core.db.engine import Database, driver_of, open_database
from astral_core.db.migrate import CORE, Chain, Status, status
from astral_core.db.pooler import HOLDERS, IGNORE, REFUSED, WAIT, Way, fault, find_way, losses
from astral_core.db.tables import core_users
from astral_core.errors import ConfigError, DatabaseBusy
from astral_core.finding import Finding
from astral_core.inbox.filelock import FileLock

LIMIT = 5.0  # seconds for a connection
OLDEST = 14  # of PostgreSQL
FAR = 0.05  # seconds for a question and its answer: a post needs three of them and more
TRIPS = 5
BESIDE = 8  # connections beside pool_size, see the setting's description
MOUNTS = Path("/proc/mounts")
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gluster", "sshfs", "webdav", "davfs")
_REFUSED = ("28000", "28P01")  # PostgreSQL: no such user or not from here; wrong password
_SIZES = (
    "SELECT current_setting('server_version_num')::int AS version, current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int AS connections"
)


async def check_database(settings: Settings, chains: Sequence[Chain], *, oldest: int = OLDEST) -> list[Finding]:
    """Look at the database of the settings. `oldest` is the oldest PostgreSQL that will do."""
    database = _open("database.url", settings.database.url.get_secret_value())
    if isinstance(database, Finding):
        return [database]
    try:
        if database.is_sqlite:
            file = str(database.engine.url.database)
            findings, exists = list(check_sqlite(Path(file))), has_content(file)
        else:
            findings, exists = await _check_postgres(settings, database, oldest), True
        ready = exists and not any(item.fatal for item in findings)
        if not exists and not settings.database.auto_migrate:
            cause = "there are no tables yet, and the start may not make them."
            findings.append(Finding("schema-behind", "database.url", cause, "run `astral db upgrade`."))
        return [*findings, *(await _check_schema(settings, database, chains) if ready else [])]
    finally:
        await database.dispose()


def url_of(text: str) -> URL | None:
    """The parts of a database's URL; None where it is none."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # a password with a slash in it is taken for a port, which is no number
        return None


def _open(where: str, url: str) -> Database | Finding:
    try:
        return open_database(url, pool_size=2)
    except ConfigError as error:
        what, _, fix = str(error).partition(" Fix: ")
    if url_of(url) is None:
        fix = f"{fix.rstrip('.')}; / @ : in a password are %2F %40 %3A."
    return Finding("database-url-invalid", where, what.replace("database.url", where), fix)


def has_content(file: str) -> bool:
    """Whether there is something to look into: a file that is not there yet is made by the first start."""
    return Path(file).is_file() and Path(file).stat().st_size > 0


def check_sqlite(file: Path, *, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """The file's folder, its file system and who uses it; `mounts` lists the file systems as Linux does."""
    folder = file.absolute().parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass  # permissions alone do not tell: a disk may be mounted read-only
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError
    except OSError as error:
        cause = f"nothing can be written into {folder} ({error.strerror or 'the file is read-only'})."
        fix = "make the folder and let the bot's user write there, or set ASTRAL_DATABASE__URL."
        yield Finding("folder-not-writable", "database.url", cause, fix)
        return
    kind = _filesystem(folder, mounts)
    if any(name in kind for name in _NETWORK):
        cause = f"{folder} lies on a network file system ({kind}), where SQLite's locks may not hold."
        fix = "move the file to a local disk, or use PostgreSQL."
        yield Finding("sqlite-network-filesystem", "database.url", cause, fix, fatal=False)
    if Path(f"{file}.lock").exists():
        lock = FileLock(str(file))
        try:
            lock.acquire()
        except DatabaseBusy as error:
            cause = f"{str(error).partition(' Fix: ')[0]}"
            yield Finding("sqlite-in-use", "database.url", cause, "nothing to do where it is the bot.", fatal=False)
        else:
            lock.release()


def _filesystem(folder: Path, mounts: Path) -> str:
    """The kind of file system that holds `folder`; empty where the system does not tell."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    found = {Path(line[1].replace("\\040", " ")): line[2] for line in lines if len(line) > 2}
    return next((found[place] for place in (folder, *folder.parents) if place in found), "")


async def _check_postgres(settings: Settings, database: Database, oldest: int) -> list[Finding]:
    section = settings.database
    findings = await _try("database.url", database, section.pool_size, oldest, direct=section.direct_url is None)
    if section.direct_url is not None:
        direct = _open("database.direct_url", section.direct_url.get_secret_value())
        if isinstance(direct, Finding):
            return [*findings, direct]
        try:
            findings += await _try("database.direct_url", direct, section.pool_size, oldest, direct=True)
        finally:
            await direct.dispose()
    return findings


async def _try(where: str, database: Database, pool_size: int, oldest: int, *, direct: bool) -> list[Finding]:
    try:
        async with asyncio.timeout(LIMIT), database.engine.connect() as connection:
            row = (await connection.execute(text(_SIZES))).one()
            trip = await _round_trip(driver_of(connection))
        async with asyncio.timeout(LIMIT + HOLDERS * WAIT):
            way = await find_way(database.engine.url.render_as_string(hide_password=False))
    except Exception as error:  # noqa: BLE001  # the driver lets errors of many kinds out of its handshake
        return [_failure(where, error)]
    return [*_judge(where, row, pool_size, oldest, trip=trip), *_judge_way(where, way, direct=direct)]


async def _round_trip(raw: Any) -> float:
    """The seconds of a question and its answer: the median of some."""
    times = []
    for _ in range(TRIPS):
        before = time.perf_counter()
        await raw.execute("SELECT 1")
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def _judge_way(where: str, way: Way, *, direct: bool) -> Iterator[Finding]:
    found = fault(where, way, direct=direct)
    if found is not None and not way.keeps_statements:
        yield Finding("postgres-pooler-too-old", where, *found)
    elif found is not None:
        yield Finding("postgres-pooler", where, *found)
    lost = losses(way)
    if lost is not None:
        yield Finding("postgres-settings-lost", where, *lost, fatal=False)


def _judge(where: str, row: Any, pool_size: int, oldest: int, *, trip: float) -> Iterator[Finding]:
    version = row.version // 10_000
    if version < oldest:
        yield Finding("postgres-too-old", where, f"this is PostgreSQL {version}.", f"use {oldest} or newer.")
    if row.connections < pool_size + BESIDE:
        cause = f"PostgreSQL allows {row.connections} connections, one process of the bot takes {pool_size + BESIDE}."
        fix = "raise max_connections in PostgreSQL, or lower ASTRAL_DATABASE__POOL_SIZE."
        yield Finding("postgres-connections-few", where, cause, fix, fatal=False)
    if trip > FAR:
        cause = f"PostgreSQL answers after {trip * 1000:.0f} ms: each answer of the bot waits for that several times."
        fix = f"run the bot near its database, within {FAR * 1000:.0f} ms: in the same region."
        yield Finding("postgres-far", where, cause, fix, fatal=False)


def _failure(where: str, error: BaseException) -> Finding:
    """The finding for a connection that failed. Its text may hold the user, the host or more: the kind will do."""
    kinds = list(_causes(error))
    code = next((str(state) for item in kinds if (state := getattr(item, "sqlstate", None))), "")
    if code in _REFUSED:
        fix = "look at the user and the password in the URL (odd characters are written %40), and at pg_hba.conf."
        return Finding("database-password-refused", where, f"PostgreSQL refused the login ({code}).", fix)
    if any(REFUSED in str(item) for item in kinds):
        cause = "a pooler such as PgBouncer refuses the settings of the bot's connections."
        return Finding("postgres-pooler", where, cause, f"write `{IGNORE}` into pgbouncer.ini.")
    name = type(kinds[-1]).__name__ + (f" {code}" if code else "")
    fix = "start the database, and look at the host, the port and the database's name in the URL."
    return Finding("database-unreachable", where, f"there is no connection ({name}).", fix)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = getattr(seen, "orig", None) or seen.__cause__


async def _check_schema(settings: Settings, database: Database, chains: Sequence[Chain]) -> list[Finding]:
    try:
        async with asyncio.timeout(LIMIT):
            items = await status(database, chains)
    except (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError) as error:
        name = type(list(_causes(error))[-1]).__name__
        fix = "look at the file or the database that ASTRAL_DATABASE__URL names: is it the bot's?"
        return [Finding("database-unreachable", "database.url", f"it cannot be read ({name}).", fix)]
    ready = any(item.plugin == CORE.plugin and item.up_to_date for item in items)
    findings = await _check_admins(settings, database) if ready else []
    known = {chain.plugin: chain for chain in chains}
    auto = settings.database.auto_migrate
    if auto and not any(item.current or item.problem for item in items):
        return []  # a new database: the first start makes the tables
    return [*findings, *(_misfit(item, known[item.plugin], auto) for item in items if not item.up_to_date)]


async def _check_admins(settings: Settings, database: Database) -> list[Finding]:
    """Whether alerts reach the admins: Telegram lets a bot write only to those who wrote to it first."""
    query = select(core_users.c.id, core_users.c.blocked_at).where(core_users.c.id.in_(settings.admins))
    async with database.engine.connect() as connection:
        known = {row.id: row.blocked_at for row in await connection.execute(query)}
    findings = []
    for admin in settings.admins:
        if admin not in known or known[admin] is not None:
            what = "has blocked the bot" if admin in known else "has never written to the bot"
            fix = "let him open the bot and press Start, or take him out of ASTRAL_ADMINS."
            cause = f"the admin {admin} {what}: no alert reaches him."
            findings.append(Finding("admin-unreachable", "admins", cause, fix, fatal=False))
    return findings


def _misfit(item: Status, chain: Chain, auto: bool) -> Finding:
    from alembic.util import CommandError

    where = f"schema of {item.plugin}"
    if item.problem:
        fix = f"install the plugin once more, tell its author, or switch it off: [host] disabled = [{item.plugin!r}]."
        return Finding("schema-unreadable", where, f"{' '.join(item.problem.split()).rstrip('.')}.", fix)
    try:
        if item.current is not None:
            chain.script().get_revision(item.current)
    except CommandError:
        cause = f"the database is at revision {item.current!r}, which the installed version does not know."
        return Finding("schema-ahead", where, cause, "install the version that made this schema, or a newer one.")
    cause = f"the database is at revision {item.current!r}, the code at {item.head!r}."
    fix = "the next start upgrades it." if auto else "run `astral db upgrade`; on SQLite stop the bot first."
    return Finding("schema-behind", where, cause, fix, fatal=not auto)
