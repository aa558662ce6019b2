"""A person who talks to a bot with the profile plugin, and a plugin that hears of completed profiles."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text

from astral_core import Context, Plugin
from astral_core.process_pool import ProcessPool
from astral_playground.testkit.bot import BotKit, bot_kit, module_plugin
from astral_profile.api import ProfileCompleted
from astral_profile.tables import drafts, profiles

WAIT = 60.0  # s of real time, the bound of a test that would hang
QUOTED = re.compile("“[^”]*”|«[^»]*»")  # what a card repeats of an answer


@dataclass
class Talk:
    """One person's side of the wizard: each act waits for the card that it brings."""

    kit: BotKit
    person: Any

    @property
    def card(self) -> str:
        """The text of the bot's newest message."""
        return str(self.person.last.text)

    @property
    def buttons(self) -> list[str]:
        """What the buttons of the newest message say."""
        return [button["text"] for row in self.person.last.button_rows for button in row]

    @property
    def visible(self) -> list[Any]:
        """The messages of the chat that are not deleted."""
        return [message for message in self.person.messages if not message.deleted]

    @property
    def from_bot(self) -> list[Any]:
        """The visible messages that the bot wrote."""
        return [message for message in self.visible if message.sender != "user"]

    async def say(self, text: str, expect: str) -> None:
        """Write a text and wait for a card with `expect` in it."""
        await self.person.send(text)
        await self.saw(expect)

    async def press(self, button: str, expect: str) -> None:
        """Press a button and wait for a card with `expect` in it."""
        await self.person.press(button)
        await self.saw(expect)

    async def saw(self, expect: Any) -> None:
        """Wait for a card. The first search of a process loads the gazetteer, which takes its time."""
        await self.person.wait_for(expect, timeout=WAIT)
        for message in self.from_bot:
            assert "<" not in QUOTED.sub("", message.text), "a tag is shown as text"

    def data(self, button: str) -> str:
        """The callback data of a button of the newest message."""
        for row in self.person.last.button_rows:
            for one in row:
                if one["text"] == button:
                    return str(one["callback_data"])
        raise LookupError(button)

    async def told(self, date: str = "15.06.1990", time: str = "14:30", place: str = "Moscow") -> None:
        """Answer the three questions in English and choose the first place."""
        await self.say("/profile", "Step 1 of 3")
        await self.say(date, "Step 2 of 3")
        await self.say(time, "Step 3 of 3")
        await self.say(place, "Which place")
        await self.person.press(self.buttons[0])
        await self.saw(lambda message: "Step 3" not in message.text)

    async def saved(self, **answers: str) -> None:
        """Make a profile in English."""
        await self.told(**answers)
        await self.press("✓ Yes, that’s right", "all noted")

    async def rows(self, table: Any = profiles) -> list[dict[str, Any]]:
        """The rows of one of the plugin's tables."""
        async with self.kit.running.database.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    async def settled(self) -> None:
        """Wait until everything that was received is handled and everything said is sent."""
        pending = text(
            "SELECT (SELECT count(*) FROM core_inbox WHERE state = 0)"
            " + (SELECT count(*) FROM core_due WHERE state = 1 OR tries > 0)"
            " + (SELECT count(*) FROM core_outbox WHERE state = 0)"
        )
        async with asyncio.timeout(WAIT):
            while True:
                async with self.kit.running.database.engine.connect() as connection:
                    if not await connection.scalar(pending):
                        return
                await asyncio.sleep(0.02)

    async def drafts(self) -> list[dict[str, Any]]:
        """The unfinished drafts."""
        return await self.rows(drafts)


Opened = Callable[..., AbstractAsyncContextManager[Talk]]


async def in_a_thread(cpu: ProcessPool, function: Callable[..., Any], *arguments: Any, key: object = None) -> Any:
    """What stands in for the process pool: the gazetteer is loaded once for all tests."""
    return await asyncio.to_thread(function, *arguments)


@pytest.fixture
def completed() -> list[tuple[int, int, tuple[str, ...]]]:
    """What the listener heard: user, profile and what changed."""
    return []


@pytest.fixture
def listener(completed: list[tuple[int, int, tuple[str, ...]]]) -> Iterator[str]:
    """The module of a plugin that subscribes to `ProfileCompleted`, for as long as the test runs."""
    module = types.ModuleType("astral_listener_of_profiles")
    plugin = Plugin()

    @plugin.event(ProfileCompleted)
    async def hear(ctx: Context, event: ProfileCompleted) -> None:
        completed.append((event.user_id, event.profile_id, event.changed))

    module.plugin = plugin  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield module.__name__
    del sys.modules[module.__name__]


@pytest.fixture
def opened(listener: str, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Open a bot on a database: `async with opened(url, language="ru") as talk`."""
    monkeypatch.setattr(ProcessPool, "run", in_a_thread)

    @asynccontextmanager
    async def open_(url: str, language: str = "en") -> AsyncIterator[Talk]:
        plugins = [module_plugin("profile", "astral_profile.plugin"), module_plugin("listener", listener)]
        async with bot_kit(url, plugins=plugins) as kit:
            yield Talk(kit, kit.user("Anna", language_code=language))

    return open_


@pytest.fixture
async def talk(opened: Opened, sqlite_url: str) -> AsyncIterator[Talk]:
    """A person who speaks English, on SQLite."""
    async with opened(sqlite_url) as one:
        yield one


@pytest.fixture
async def both(opened: Opened, database_url: str) -> AsyncIterator[Talk]:
    """A person who speaks English, on SQLite and on PostgreSQL in turn."""
    async with opened(database_url) as one:
        yield one


@pytest.fixture
def forge() -> Callable[[Talk, str], Awaitable[None]]:
    """Press a button that the bot never made, on the newest message, and wait until it is dealt with."""

    async def press(talk: Talk, data: str) -> None:
        message = talk.person.last
        rows = message.markup["inline_keyboard"]
        rows.append([{"text": "forged", "callback_data": data}])
        try:
            query = await talk.person.press("forged", message=message)
        finally:
            rows.pop()
        await talk.person.wait_answer(query)
        await talk.settled()

    return press


@pytest.fixture
def postgres_url(unmade_postgres_url: str) -> str:
    """The bot makes its database itself."""
    return unmade_postgres_url
