"""What stands behind the fixtures `bot` and `chat`: a test's wishes, and the bot that fulfils them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from astral_core.errors import AstralError, ConfigError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, started
from astral_playground.testkit.clock import moment_of
from astral_playground.testkit.report import fingerprint, give_up, skip_if_told
from astral_playground.testkit.selection import Selection, project_plugins

WISHES = ("plugins", "settings", "database", "now", "config")
ENGINES = {"sqlite": "sqlite_url", "postgresql": "unmade_postgres_url"}
NEED_ASYNCIO = (
    "the fixtures `bot` and `chat` are asynchronous, and pytest-asyncio {what}. "
    'Fix: pip install pytest-asyncio, and set asyncio_mode = "auto" in pytest\'s settings.'
)


def check_asyncio(config: pytest.Config) -> None:
    """Fail in words where nothing would run an asynchronous test."""
    if not config.pluginmanager.hasplugin("asyncio"):
        pytest.fail(NEED_ASYNCIO.format(what="is not there"), pytrace=False)
    if (config.getoption("asyncio_mode", None) or config.getini("asyncio_mode")) != "auto":
        pytest.fail(NEED_ASYNCIO.format(what="is not in auto mode"), pytrace=False)


def wishes(node: pytest.Item) -> dict[str, Any]:
    """The arguments of the markers `astral` of a test, its class and its module: the nearest one counts."""
    found: dict[str, Any] = {}
    for marker in node.iter_markers("astral"):
        unknown = [name for name in marker.kwargs if name not in WISHES]
        if marker.args or unknown:
            raise ConfigError(
                f"{node.nodeid}: @pytest.mark.astral takes {', '.join(WISHES)} by name, not "
                f"{', '.join([*map(repr, marker.args), *unknown])}. Fix: e.g. @pytest.mark.astral(database='sqlite')."
            )
        found = {**marker.kwargs, **found}
    return found


def select(request: pytest.FixtureRequest, selection: Selection) -> list[LoadedPlugin]:
    """The plugins of a test: those of its marker, of pytest's settings, or of its project."""
    folder, root = request.path.parent, request.config.rootpath
    choices = wishes(request.node).get("plugins") or request.config.getini("astral_plugins")
    return selection.plugins(choices or project_plugins(folder), [folder, root])


def database_of(request: pytest.FixtureRequest) -> str:
    """The URL of the test's database: that of a fixture it asks for itself, else of the engine that it wishes."""
    for name in ("database_url", "sqlite_url", "postgres_url"):
        if name in request.fixturenames:
            return str(request.getfixturevalue(name))
    engine = wishes(request.node).get("database", "sqlite")
    if engine not in ENGINES:
        raise ConfigError(f"{request.node.nodeid}: no database {engine!r}. Fix: one of {', '.join(ENGINES)}.")
    return str(request.getfixturevalue(ENGINES[engine]))


def owners_file(request: pytest.FixtureRequest) -> Path | None:
    """The owner's astral.toml that a test wishes for, whose folder may have `locales`; None unless told."""
    wanted = wishes(request.node).get("config")
    if wanted is None:
        return None
    for folder in (request.path.parent, request.config.rootpath):
        file = Path(folder) / str(wanted)
        if file.is_file():
            return file
    raise ConfigError(f"{request.node.nodeid}: there is no {wanted}. Fix: name an astral.toml, beside the test.")


def _moment(node: pytest.Item) -> datetime | None:
    """The moment at which the bot of a test lives; None for the machine's time."""
    wanted = wishes(node).get("now")
    try:
        return None if wanted is None else moment_of(wanted)
    except ValueError as error:
        raise ConfigError(f"{node.nodeid}: @pytest.mark.astral(now=...): {error}") from None


@contextlib.asynccontextmanager
async def wished_bot(
    request: pytest.FixtureRequest, selection: Selection, settings: dict[str, Any]
) -> AsyncIterator[BotKit]:
    """The bot that a test wishes for, of its plugins alone. What is wrong with them is told once in a run."""
    what, plugins = "", []
    async with contextlib.AsyncExitStack() as stack:
        try:
            plugins, url, now = select(request, selection), database_of(request), _moment(request.node)
            what = fingerprint(plugins, settings)
            skip_if_told(request, what)
            kit = await stack.enter_async_context(started(url, plugins, settings, now=now))
        except AstralError as error:
            give_up(request, error, what, plugins)
        yield kit
