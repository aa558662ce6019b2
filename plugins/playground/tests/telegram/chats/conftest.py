"""A stage for tests of groups and channels: people, chats, the bot's calls over HTTP, and what Telegram tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from astral_core.botapi.table import alternatives, table
from astral_playground.telegram import ManualClock, TelegramEmulator, User
from astral_playground.telegram.administration import add_member, promote_member
from astral_playground.telegram.groups import Group
from astral_playground.telegram.membership import add_group, join

_PLAIN: dict[str, Callable[[Any], bool]] = {
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
}
_UNDOCUMENTED = {"new_chat_member"}  # the real server sends it, too


def fault(type_: str, value: Any, place: str = "result") -> str:
    """What is wrong with a value of a type of the Bot API, empty for nothing."""
    options = table().unions.get(type_) or alternatives(type_)
    if len(options) > 1:
        faults = [fault(option, value, place) for option in options]
        return "" if "" in faults else min(faults, key=len)
    if type_.startswith("["):
        if not isinstance(value, list):
            return f"{place} is no list"
        return next((wrong for one in value if (wrong := fault(type_[1:-1], one, place))), "")
    if type_ in _PLAIN:
        return "" if _PLAIN[type_](value) else f"{place}: {value!r} is no {type_}"
    if type_ not in table().types:
        return ""
    return _object_fault(type_, value, place)


def _object_fault(type_: str, value: Any, place: str) -> str:
    if not isinstance(value, dict):
        return f"{place} is no {type_}"
    members = table().types[type_]
    for name, field in members.items():
        if name not in value:
            if field.required:
                return f"{place} has no {name}"
            continue
        if field.constant and value[name] != field.constant:
            return f"{place}.{name} is not {field.constant}"
        if wrong := fault(field.type, value[name], f"{place}.{name}"):
            return wrong
    unknown = value.keys() - members.keys() - _UNDOCUMENTED
    return f"{place} has {unknown}" if unknown else ""


class Stage:
    """An emulator with a clock of the test's, and a client of the bot that checks the shape of every answer."""

    def __init__(self, tg: TelegramEmulator, clock: ManualClock, http: aiohttp.ClientSession) -> None:
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
        assert not (wrong := fault(table().methods[method].returns, body["result"])), wrong
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
            assert not (wrong := fault(table().types["Update"][kind].type, payload, kind)), wrong
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
async def stage(frozen: TelegramEmulator, clock: ManualClock, http: aiohttp.ClientSession) -> Stage:
    """People and the bot, in no chat yet."""
    return Stage(frozen, clock, http)
