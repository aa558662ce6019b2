"""Every answer of every method of the Bot API is what aiogram and python-telegram-bot take it for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import ModuleType

import aiohttp
import pytest
import telegram
from foreign_kit.calls import Scene, chosen, entities, news, person, post, private, quiz, reply, topic

from astral_core.botapi.table import table
from astral_playground.telegram import TelegramEmulator

pytestmark = pytest.mark.rest
METHODS = sorted(table().methods)


@pytest.fixture
async def scene(picture: bytes) -> AsyncIterator[Scene]:
    """A small world, and nobody's program."""
    async with TelegramEmulator() as tg, aiohttp.ClientSession() as http:
        yield await Scene.build(tg, http, picture)


@pytest.mark.parametrize("method", METHODS)
async def test_an_answer(scene: Scene, strict: ModuleType, method: str) -> None:
    """A valid call succeeds, and both frameworks read the answer to its last member."""
    status, body = await scene.call(method, await scene.valid(method))
    assert (status, body["ok"]) == (200, True), body
    wrong = [f"aiogram: {one}" for one in strict.complaints(strict.returning(method), body["result"])]
    snake = re.sub("([A-Z])", r"_\1", method).lower()
    if hasattr(telegram.Bot, snake):
        wrong += [f"python-telegram-bot: {one}" for one in strict.complaints_of_ptb(snake, body["result"])]
    assert not wrong, f"{wrong} in {body['result']}"


OTHERS = {
    "getChat-private": ("getChat", private), "getChat-channel": ("getChat", news),
    "getChatMember-creator": ("getChatMember", person("creator")),
    "getChatMember-left": ("getChatMember", person("left")),
    "getChatMember-administrator": ("getChatMember", person("administrator")),
    "getChatMember-restricted": ("getChatMember", person("restricted")),
    "getChatMember-kicked": ("getChatMember", person("kicked")),
    "sendMessage-reply": ("sendMessage", reply), "sendMessage-topic": ("sendMessage", topic),
    "sendMessage-channel": ("sendMessage", news), "sendMessage-entities": ("sendMessage", entities),
    "sendPoll-quiz": ("sendPoll", quiz), "forwardMessage-channel": ("forwardMessage", post),
    "editMessageText-inline": ("editMessageText", chosen), "sendPhoto-private": ("sendPhoto", private),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
async def test_another_answer(scene: Scene, strict: ModuleType, case: str) -> None:
    """So are those of the same methods about other chats, people and contents."""
    method, need = OTHERS[case]
    result = await scene.ask(method, **await need(scene))
    wrong = strict.complaints(strict.returning(method), result)
    assert not wrong, f"{wrong} in {result}"


def test_every_method_is_known(strict: ModuleType) -> None:
    """aiogram has a type for every method of the table, python-telegram-bot for most."""
    assert [method for method in METHODS if strict.returning(method) is None] == []
    known = [method for method in METHODS if hasattr(telegram.Bot, re.sub("([A-Z])", r"_\1", method).lower())]
    assert len(known) > 160
