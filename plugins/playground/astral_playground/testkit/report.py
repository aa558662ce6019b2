"""What a test run shows of a failure: the chats as text; of a wrong plugin one error, and not one in every test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

import pytest

from astral_core.errors import AstralError, PluginError
from astral_core.host.state import LoadedPlugin
from astral_playground.blame import Line, blame, mentioned
from astral_playground.telegram.transcript import title, transcript
from astral_playground.testkit.bot import BotKit

CHATS = 5  # that are shown; the newest ones
_TOLD: pytest.StashKey[dict[str, str]] = pytest.StashKey()
_GIVEN_UP: pytest.StashKey[bool] = pytest.StashKey()


def chats(item: pytest.Item, error: str) -> Iterator[tuple[str, str]]:
    """Sections of the report of a test that failed: the chats of its bots, but for those that `error` shows."""
    for kit in getattr(item, "funcargs", {}).values():
        if not isinstance(kit, BotKit):
            continue
        world = kit.telegram.world
        rooms = [(room, list(found.values())) for room, found in world.messages.items() if found]
        rooms.sort(key=lambda pair: pair[1][-1].date)
        for room, messages in rooms[-CHATS:]:
            text = transcript(world, room, messages)
            if text not in error:
                yield title(world, room), text


def give_up(
    request: pytest.FixtureRequest, error: AstralError, what: str, plugins: Sequence[LoadedPlugin]
) -> NoReturn:
    """End a test because of a wrong plugin or wish: the first one in words, the others of the run with one line.

    `what` stands for the plugins and settings, so that others with the same ones need no start to know.
    """
    told = request.config.stash.setdefault(_TOLD, {})
    text = _sentence(error, plugins)
    known = told.get(text)
    told.setdefault(text, request.node.nodeid)
    told.setdefault(what, request.node.nodeid)
    if known is not None:
        _skip(known)
    request.node.stash[_GIVEN_UP] = True
    pytest.fail(text, pytrace=False)


def shorten(item: pytest.Item, report: pytest.TestReport) -> None:
    """Leave out of a report what the log says once more: the sentence of `give_up` says it all."""
    if item.stash.get(_GIVEN_UP, False):
        report.sections = [section for section in report.sections if not section[0].startswith("Captured")]


def skip_if_told(request: pytest.FixtureRequest, what: str) -> None:
    """Skip a test whose bot is known not to start."""
    known = request.config.stash.setdefault(_TOLD, {}).get(what)
    if known is not None:
        _skip(known)


def _skip(known: str) -> NoReturn:
    pytest.skip(f"the bot does not start: see the error of {known}")


def fingerprint(plugins: Sequence[LoadedPlugin], settings: dict[str, object]) -> str:
    """What two bots have in common that start in the same way."""
    return repr(([(plugin.id, plugin.module_name, str(plugin.path)) for plugin in plugins], settings))


def _sentence(error: AstralError, plugins: Sequence[LoadedPlugin]) -> str:
    """What is wrong, where, and what to do about it."""
    line = blame(error) or _mentioned(error, plugins)
    sentence = str(error).removesuffix(" Fix: mend it, or disable it in [host].")  # nobody disables what is tested
    return f"The bot does not start: {sentence}" + (f"\n  {line}" if line is not None else "")


def _mentioned(error: AstralError, plugins: Sequence[LoadedPlugin]) -> Line | None:
    wrong = [plugin for plugin in plugins if isinstance(error, PluginError) and plugin.id == error.plugin]
    return mentioned(wrong[0], str(error)) if wrong else None
