"""getUpdates and the webhook's settings through the real client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import telegram
from telegram.error import BadRequest, Conflict

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator


async def test_offset_confirms(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Updates come again until a higher offset confirms them; a negative one takes the last."""
    await anna.send("2")
    await anna.send("3")
    first = await bot.get_updates(limit=2)
    assert [update.message.text for update in first if update.message] == ["/start", "2"]
    assert len(await bot.get_updates()) == 3
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [update.message.text for update in rest if update.message] == ["3"]
    await anna.send("4")
    assert len(await bot.get_updates(offset=-1)) == 1
    assert len(await bot.get_updates()) == 1
    assert rest[0].update_id == first[-1].update_id + 1


async def test_long_poll_ends_at_an_update(
    tg: TelegramEmulator, bot: telegram.Bot, settle: Callable[..., Any]
) -> None:
    """A waiting getUpdates returns as soon as something happens."""
    anna = tg.user("Анна")
    waiting = asyncio.create_task(bot.get_updates(timeout=50))
    await settle(lambda: tg.world.poll.open)
    assert not waiting.done()
    await anna.send("привет")
    assert (await waiting)[0].message is not None


async def test_long_poll_times_out(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, clock: ManualClock, settle: Callable[..., Any]
) -> None:
    """After its time a long poll returns nothing."""
    waiting = asyncio.create_task(frozen_bot.get_updates(timeout=30))
    await settle(lambda: clock.sleepers() == [30])
    clock.advance(30)
    assert await waiting == ()


async def test_second_poll_ends_the_first(
    tg: TelegramEmulator, bot: telegram.Bot, new_bot: Callable[..., telegram.Bot], settle: Callable[..., Any]
) -> None:
    """Two pollers: the earlier one gets Telegram's conflict."""
    anna = tg.user("Анна")
    async with new_bot(tg) as other:
        first = asyncio.create_task(bot.get_updates(timeout=50))
        await settle(lambda: tg.world.poll.open)
        second = asyncio.create_task(other.get_updates(timeout=50))
        with pytest.raises(Conflict, match=r"(?i)terminated by other getupdates request"):
            await first
        await settle(lambda: tg.world.poll.open)
        await anna.send("x")
        assert len(await second) == 1


async def test_no_polling_beside_a_webhook(
    tg: TelegramEmulator, bot: telegram.Bot, receiver: Any, settle: Callable[..., Any]
) -> None:
    """setWebhook ends a waiting poll and forbids others, until deleteWebhook."""
    waiting = asyncio.create_task(bot.get_updates(timeout=50))
    await settle(lambda: tg.world.poll.open)
    await bot.set_webhook(receiver.url)
    with pytest.raises(Conflict, match=r"(?i)terminated by setwebhook request"):
        await waiting
    with pytest.raises(Conflict, match=r"(?i)can't use getupdates method while webhook is active"):
        await bot.get_updates()
    assert await bot.delete_webhook()
    assert await bot.get_updates() == ()


async def test_webhook_info(bot: telegram.Bot, receiver: Any) -> None:
    """The settings come back."""
    assert (await bot.get_webhook_info()).url == ""
    await bot.set_webhook(receiver.url, max_connections=7, allowed_updates=["message", "callback_query"])
    info = await bot.get_webhook_info()
    assert (info.url, info.max_connections, info.has_custom_certificate) == (receiver.url, 7, False)
    assert info.allowed_updates == ("message", "callback_query")
    assert info.last_error_date is None


async def test_set_webhook_at_most_once_a_second(
    frozen: TelegramEmulator,
    frozen_bot: telegram.Bot,
    receiver: Any,
    clock: ManualClock,
    http: aiohttp.ClientSession,
) -> None:
    """A second call within a second is 429 with retry_after 1."""
    await frozen_bot.set_webhook(receiver.url)
    async with http.get(f"{frozen.base_url}{frozen.token}/setWebhook?url={receiver.url}") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert await answer.json() == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1},
        }
    clock.advance(1)
    assert await frozen_bot.set_webhook(receiver.url)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "http://"}, "Invalid webhook url specified"),
        ({"url": "ftp://127.0.0.1/"}, "Invalid webhook url specified"),
        ({"url": "http://127.0.0.1:99999/"}, "Invalid webhook url specified"),
        ({"url": "https://example.org/"}, "this machine only"),
        ({"url": "http://127.0.0.1.example.org/"}, "this machine only"),
        ({"url": "http://127.0.0.1/", "secret_token": "a b"}, "Secret token contains unallowed characters"),
        ({"url": "http://127.0.0.1/", "secret_token": "a" * 257}, "Secret token is too long"),
    ],
)
async def test_refused_webhooks(bot: telegram.Bot, options: dict[str, Any], words: str) -> None:
    """Bad addresses and secrets; the emulator never calls another machine."""
    with pytest.raises(BadRequest) as error:
        await bot.set_webhook(**options)
    assert words.lower() in error.value.message.lower()
    assert (await bot.get_webhook_info()).url == ""


async def test_allowed_updates(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Kinds that the bot does not want are not made; an absent list keeps the last one; an empty one resets."""
    await bot.get_updates(allowed_updates=["callback_query"])
    await anna.send("lost")
    assert len(await bot.get_updates()) == 1
    await bot.get_updates(allowed_updates=[])
    await anna.send("seen")
    assert len(await bot.get_updates()) == 2


async def test_old_updates_expire(frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock) -> None:
    """After 24 hours nobody gets a message's update any more."""
    clock.advance(86_401)
    assert await frozen_bot.get_updates() == ()


async def test_block_is_told(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Blocking and unblocking come as my_chat_member; doing it twice is no news."""
    await anna.block()
    await anna.block()
    await anna.unblock()
    members = [update.my_chat_member for update in await bot.get_updates() if update.my_chat_member]
    assert [(m.old_chat_member.status, m.new_chat_member.status) for m in members] == [
        ("member", "kicked"),
        ("kicked", "member"),
    ]
    assert members[0].from_user.id == anna.id


async def test_files_and_places_of_people(
    bot: telegram.Bot, anna: EmulatedUser, png: Callable[[int, int], bytes]
) -> None:
    """Documents, photos, places and contacts of a person reach the bot."""
    await anna.send_document(b"data", "a.txt", mime_type="text/plain", caption="вот")
    await anna.send_photo(png(30, 20), caption="/natal")
    await anna.send_location(55.75, 37.62)
    await anna.send_contact("+79990000000")
    document, photo, place, contact = [update.message for update in (await bot.get_updates())[1:]]
    assert document is not None
    assert document.document is not None
    assert (document.document.file_name, document.caption) == ("a.txt", "вот")
    assert bytes(await (await document.document.get_file()).download_as_bytearray()) == b"data"
    assert photo is not None
    assert photo.photo[-1].width == 30
    assert photo.caption_entities[0].type == "bot_command"
    assert place is not None
    assert place.location is not None
    assert place.location.longitude == 37.62
    assert contact is not None
    assert contact.contact is not None
    assert contact.contact.user_id == anna.id


async def test_a_registered_webhook_shows_a_running_bot(tg: TelegramEmulator, bot: telegram.Bot) -> None:
    """The page does not call a bot stopped that has just said where its updates go."""
    assert not tg.world.bot.up
    await bot.set_webhook("http://127.0.0.1:9/hook")
    assert tg.world.bot.up
