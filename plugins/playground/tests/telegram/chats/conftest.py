"""A stage for tests of groups and channels: people, chats, the bot's calls over HTTP, and what Telegram tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from astral_core.botapi.table import table
from astral_playground.telegram import ManualClock, TelegramEmulator, User
from astral_playground.telegram.administration import add_member, promote_member
from astral_playground.telegram.groups import Group
from astral_playground.telegram.membership import add_group, join


class Stage:
    """An emulator with a clock of the test's, and a client of the bot that checks the shape of every answer."""

    def __init__(
        self, tg: TelegramEmulator, clock: ManualClock, http: aiohttp.ClientSession, amiss: Callable[..., str]
    ) -> None:
        self._amiss = amiss
        self.tg, self.world, self.clock, self._http = tg, tg.world, clock, http
        self.bot_id = tg.world.bot.id
        self.owner, self.anna, self.ben = (tg.world.add_user(name) for name in ("Olga", "Anna", "Ben"))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The bot calls a method with JSON; the whole answer."""
        async with self._http.post(f"{self.tg.base_url}{self.tg.token}/{method}", json=params) as answer:
            body: dict[str, Any] = await answer.json()
            return body

    async def upload(self, method: str, name: str, data: bytes, **params: Any) -> dict[str, Any]:
        """The same with a file."""
        form = aiohttp.FormData({key: str(value) for key, value in params.items()})
        form.add_field(name, data, filename="picture.png", content_type="image/png")
        async with self._http.post(f"{self.tg.base_url}{self.tg.token}/{method}", data=form) as answer:
            body: dict[str, Any] = await answer.json()
            return body

    async def ok(self, method: str, **params: Any) -> Any:
        """The result of a call that works, in the documented shape."""
        body = await self.call(method, **params)
        assert body["ok"], f"{method}: {body}"
        assert not (wrong := self._amiss(table().methods[method].returns, body["result"])), wrong
        return body["result"]

    async def refused(self, method: str, **params: Any) -> str:
        """The description of a refused call, without its class."""
        body = await self.call(method, **params)
        assert not body["ok"], f"{method}: {body}"
        return str(body["description"]).removeprefix("Bad Request: ")

    async def listen(self, *kinds: str) -> None:
        """Ask for these kinds of updates only."""
        await self.ok("getUpdates", allowed_updates=list(kinds))

    def news(self) -> list[tuple[str, dict[str, Any]]]:
        """Kinds and payloads of the updates since the last look, each in the documented shape."""
        found = [(update.type, update.payload) for update in self.world.updates.pending.values()]
        self.world.updates.drop_all()
        for kind, payload in found:
            assert not (wrong := self._amiss(table().types["Update"][kind].type, payload, kind)), wrong
        return found

    def group(self, title: str = "Quiz", **options: Any) -> Group:
        """A chat of Olga's with Anna and Ben, in which the bot is not."""
        made = add_group(self.world, title, self.owner, **options)
        for person in (self.anna, self.ben):
            join(self.world, made, person.id)
        return made

    def bring_bot(self, group: Group, *, rights: list[str] | None = None, admin: bool = True) -> Group:
        """Olga brings the bot, as an administrator (with all rights unless told) or as a member; the news are old."""
        if admin:
            promote_member(self.world, group, self.owner, self.bot_id, rights=rights)
        else:
            add_member(self.world, group, self.owner, self.bot_id)
        self.world.updates.drop_all()
        return group

    def run_group(self, title: str = "Quiz", **options: Any) -> Group:
        """The same with the bot as an administrator who may everything."""
        return self.bring_bot(self.group(title, **options))

    def member(self, group: Group, person: User) -> str:
        """The status of somebody."""
        return group.member(person.id).status


@pytest.fixture
async def stage(
    frozen: TelegramEmulator, clock: ManualClock, http: aiohttp.ClientSession, amiss: Callable[..., str]
) -> Stage:
    """People and the bot, in no chat yet."""
    return Stage(frozen, clock, http, amiss)
