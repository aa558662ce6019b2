"""PostgreSQL as providers rent it out: TLS required, libpq's names in the URL, a user who may do little."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from astral_core import Context
from astral_core.db.engine import open_database
from astral_core.errors import ConfigError
from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.postgres import (
    LocalPostgres,
    PostgresServer,
    PostgresUnavailableError,
    find_source,
    postgres,
)

URL = "postgresql://me:hunter2@host/db"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("channel_binding=require&sslmode=require", "write sslmode=verify-full&sslrootcert=system"),
        ("sslmode=verify-full", "add &sslrootcert="),
        ("sslmode=verify-full&sslrootcert=/absent/hunter2.crt", "the provider's certificate"),
        ("sslmode=require&sslrootcert=system", "write sslmode=verify-full"),
        ("sslmode=hunter2", "write one of disable"),
        ("sslmode=require&ssl=require", "take out ssl"),
        ("pgbouncer=true", "'pgbouncer' is none of PostgreSQL's. Fix: take it out"),
        ("password=hunter2", "before the host"),
        ("gssencmode=require", "sslmode=require"),
        ("connect_timeout=hunter2", "whole seconds"),
    ],
)
def test_what_the_driver_cannot_do_is_refused_with_what_to_write(
    query: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before the first connection, and without a value of the URL."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    with pytest.raises(ConfigError) as caught:
        open_database(f"{URL}?{query}")
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_several_hosts_are_written_behind_the_question_mark() -> None:
    """As SQLAlchemy reads them; the message shows the form."""
    with pytest.raises(ConfigError, match=r"Fix: write them behind it, as .*host=first:5432&host=second"):
        open_database("postgresql://me:hunter2@one:5432,two:5432/db")


async def hello(ctx: Context) -> None:
    """Reads and writes."""
    await ctx.session.execute(text("SELECT 1"))
    ctx.reply("hello")


async def answers(url: str, plugin: Any) -> None:
    """A bot on this database migrates, answers and stops."""
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, url, plugins=[plugin], overrides={"database": {"url": url, "pool_size": 4}})
        await kit.start()
        try:
            anna = kit.user("Anna")
            await anna.send("/hello")
            assert (await anna.wait_for("hello")).text == "hello"
        finally:
            await kit.stop()


@pytest.mark.postgres
@pytest.mark.parametrize("path_by", ["url", "role"])
async def test_a_user_with_a_schema_of_its_own_and_a_providers_limits(
    postgres_server: PostgresServer, postgres_url: str, make_plugin: Callable[..., Any], path_by: str
) -> None:
    """No superuser, no right to make tables in `public`, search_path by URL or role, time limits by the role."""
    if postgres_server.origin == "url":
        pytest.skip("the rules for logins of somebody else's server are not known")
    url, role = make_url(postgres_url), "sky_managed"
    postgres_server.execute(
        "REVOKE CREATE ON SCHEMA public FROM public", f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 16",
        f"CREATE SCHEMA sky AUTHORIZATION {role}", f"ALTER ROLE {role} SET statement_timeout = '3s'",
        f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '4s'", database=url.database,
    )  # fmt: skip
    try:
        own = url.set(username=role).update_query_dict({"connect_timeout": "10"})
        if path_by == "url":
            own = own.update_query_dict({"options": "-c search_path=sky"})
        else:
            postgres_server.execute(f"ALTER ROLE {role} SET search_path = sky", database=url.database)
        await answers(own.render_as_string(hide_password=False), make_plugin("good", commands={"hello": hello}))
        database = open_database(own.render_as_string(hide_password=False), 1)
        async with database.engine.connect() as connection:  # the bot's own limit goes before the role's
            assert (await connection.exec_driver_sql("SHOW statement_timeout")).scalar() == "10s"
        await database.dispose()
        count = "SELECT count(*) FROM pg_tables WHERE schemaname = '{}' AND tablename LIKE 'core%'"
        assert postgres_server.execute(count.format("sky"), database=url.database) > 5
        assert postgres_server.execute(count.format("public"), database=url.database) == 0
    finally:
        postgres_server.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}", database=url.database)


OPENSSL = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"


@pytest.fixture
def with_tls() -> Iterator[tuple[int, Path]]:
    """The port of a PostgreSQL that lets nobody in without TLS and a password, and its certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl is installed")
    try:
        source = find_source()
    except PostgresUnavailableError as error:
        pytest.skip(str(error))
    if source.origin == "url":
        pytest.skip("somebody else's server is not set up anew")
    with postgres(source) as server:
        assert isinstance(server, LocalPostgres)
        server.execute(
            "CREATE ROLE sky LOGIN PASSWORD 'hunter2'", "CREATE DATABASE sky OWNER sky",
            "ALTER SYSTEM SET max_connections = 24",
        )  # fmt: skip
        server.stop()
        folder, account = server._directory, server._account
        asked = [str(server._binaries / "postgres"), "-C", "ssl", "-c", "ssl=on", "-D", str(folder / "data")]
        said = subprocess.run(asked, capture_output=True, check=False, **account.options(folder))
        if b"not supported by this build" in said.stderr:
            pytest.skip("this PostgreSQL was built without TLS")
        files = [folder / "server.crt", folder / "server.key"]
        command = ["openssl", *OPENSSL.split(), "-out", str(files[0]), "-keyout", str(files[1])]
        subprocess.run(command, check=True, capture_output=True)  # a test's own
        files[1].chmod(0o600)
        for file in files:
            account.own(file)
        (folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "ssl": "on",
            "ssl_cert_file": str(files[0]), "ssl_key_file": str(files[1]), "fsync": "off",
        }  # fmt: skip
        command = [str(server._binaries / "postgres"), "-D", str(folder / "data")]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        options = account.options(folder)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, **options) as process:
            try:
                yield port, files[0]
            finally:
                process.send_signal(signal.SIGINT)


@pytest.mark.postgres
async def test_tls_is_required_and_the_certificate_is_checked(
    with_tls: tuple[int, Path], make_plugin: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """A URL as a provider prints it; a connection without TLS or with the wrong name is refused."""
    port, root = with_tls
    plain = f"postgres://sky:hunter2@localhost:{port}/sky"

    async def outcome(url: str) -> str:
        database = open_database(url, 1)
        try:
            async with database.engine.connect() as connection:
                query = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                return str((await connection.execute(query)).scalar())
        except SQLAlchemyError as error:
            return type(error).__name__
        finally:
            await database.dispose()

    async def there() -> bool:
        return await outcome(f"{plain}?sslmode=require") == "True"

    await until(there)
    full = f"{plain}?sslmode=verify-full&sslrootcert={root}&channel_binding=prefer&target_session_attrs=read-write"
    assert await outcome(full) == "True"
    assert await outcome(f"{plain}?sslmode=disable") != "True"
    assert await outcome(f"{plain}?sslmode=verify-full&sslrootcert=system") != "True"  # nobody signed it
    assert await outcome(full.replace("@localhost", "@127.0.0.1")) != "True"  # not the name in it
    await answers(full, make_plugin("good", commands={"hello": hello}))
