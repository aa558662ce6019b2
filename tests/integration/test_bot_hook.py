"""The webhook at Telegram: set once, by one process, and again only where it is not what it should be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telegram import Update
from telegram.ext import ChatMemberHandler, MessageReactionHandler, TypeHandler

from astral_core import Context, Routes
from astral_core.botapi.table import update_kinds
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

Until = Callable[..., Awaitable[Any]]


def settings_of(kit: BotKit) -> int:
    """How often the bot has told Telegram its address."""
    return len(kit.telegram.calls_of("setWebhook"))


async def started(kit: BotKit, until: Until) -> None:
    """Start the bot again, until it serves."""
    await kit.restart()
    await until(lambda: kit.running.readiness.serving)


async def test_a_restart_says_nothing_that_telegram_knows(database_url: str, until: Until) -> None:
    """getWebhookInfo is the same as before, and so is the secret: no second setWebhook."""
    async with bot_kit(database_url, plugins=[]) as kit:
        await until(lambda: kit.running.readiness.serving)
        assert settings_of(kit) == 1
        await started(kit, until)
        assert settings_of(kit) == 1


async def test_a_new_secret_is_told_although_no_info_shows_it(database_url: str, until: Until) -> None:
    """Telegram does not tell the secret that it has; after a rotation the bot sets it all the same."""
    async with bot_kit(database_url, plugins=[]) as kit:
        await until(lambda: kit.running.readiness.serving)
        kit.secret = "another-secret-of-this-test"
        await started(kit, until)
        assert kit.telegram.world.webhook.secret_token == kit.secret
        anna = kit.user("Anna")
        await anna.send("/start")
        await anna.wait_for(lambda message: message.sender == "bot")


async def test_a_webhook_that_somebody_took_away_is_set_again(sqlite_url: str, until: Until) -> None:
    """What Telegram says counts, not what was said to it once."""
    async with bot_kit(sqlite_url, plugins=[]) as kit:
        await until(lambda: kit.running.readiness.serving)
        kit.telegram.world.webhook.url = ""
        await started(kit, until)
        assert kit.telegram.world.webhook.url == f"{kit.url}/webhook/telegram"


@pytest.mark.postgres
async def test_of_two_replicas_one_speaks_to_telegram(postgres_url: str, until: Until) -> None:
    """Both serve; the webhook and the menu are the leader's affair, and the next one's when it stops."""
    async with bot_kit(postgres_url, plugins=[]) as kit:
        await until(lambda: kit.running.readiness.serving)
        second = BotKit(kit.telegram, kit.database_url, [], secret=kit.secret)
        await second.start()
        await until(lambda: second.running.readiness.serving)
        assert settings_of(kit) == 1
        assert [app.inbox.election.leader for app in (kit.running, second.running)] == [True, False]
        await kit.stop()
        await until(lambda: second.running.inbox.election.leader)
        await until(lambda: kit.telegram.world.webhook.url.startswith(second.url))
        await second.stop()


async def _reacts(update: Update, context: Any) -> None:
    """A handler of python-telegram-bot's."""


async def _answered(ctx: Context) -> None:
    """Takes an answer."""


ALWAYS = {"message", "callback_query", "pre_checkout_query", "my_chat_member"}


@pytest.mark.parametrize(
    ("handler", "kinds"),
    [
        (None, set()),
        (MessageReactionHandler(_reacts), {"message_reaction", "message_reaction_count"}),
        (ChatMemberHandler(_reacts, ChatMemberHandler.CHAT_MEMBER), {"chat_member"}),
        (TypeHandler(object, _reacts), set(update_kinds())),
    ],
)
async def test_telegram_is_asked_for_what_somebody_can_take(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin], handler: Any, kinds: set[str]
) -> None:
    """No more than the core and its routes can use, and what handlers of python-telegram-bot take."""
    routes = Routes()
    if handler is not None:
        routes.raw(handler)
    async with bot_kit(sqlite_url, [make_plugin("weather", routes)]) as kit:
        await kit.settled()
        [told] = kit.telegram.calls_of("setWebhook")
        asked = told.params["allowed_updates"]
    assert set(asked) == ALWAYS | kinds


async def test_edited_messages_are_asked_for_where_there_are_questions(
    sqlite_url: str, make_plugin: Callable[..., LoadedPlugin]
) -> None:
    """Who edits the last message may have answered one."""
    routes = Routes()
    routes.question("name")(_answered)
    async with bot_kit(sqlite_url, [make_plugin("weather", routes)]) as kit:
        await kit.settled()
        [told] = kit.telegram.calls_of("setWebhook")
    assert set(told.params["allowed_updates"]) == ALWAYS | {"edited_message"}
