"""Commands, names, menu button, chats through the real client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, TelegramEmulator


async def test_commands_by_language(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Menus are kept by scope and language; a person sees the best one."""
    await bot.set_my_commands([("start", "Begin")])
    await bot.set_my_commands([("start", "Начать"), ("natal", "Карта")], language_code="ru")
    assert [c.description for c in await bot.get_my_commands()] == ["Begin"]
    assert [c.command for c in await bot.get_my_commands(language_code="ru")] == ["start", "natal"]
    assert await bot.get_my_commands(language_code="de") == ()
    john = tg.user("John", language_code="en")
    menu = tg.world.bot.commands_for
    assert [c["description"] for c in menu(anna.user)] == ["Начать", "Карта"]
    assert [c["description"] for c in menu(john.user)] == ["Begin"]
    assert await bot.delete_my_commands(language_code="ru")
    assert [c["description"] for c in menu(anna.user)] == ["Begin"]


async def test_commands_by_scope(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A chat's own menu goes before that of all private chats and the default one."""
    await bot.set_my_commands([("a", "all")])
    await bot.set_my_commands([("p", "private")], scope=telegram.BotCommandScopeAllPrivateChats())
    await bot.set_my_commands([("c", "chat")], scope=telegram.BotCommandScopeChat(anna.id))
    assert [c["command"] for c in tg.world.bot.commands_for(anna.user)] == ["c"]
    assert [c["command"] for c in tg.world.bot.commands_for(tg.user("Борис").user)] == ["p"]
    await bot.set_my_commands([], scope=telegram.BotCommandScopeChat(anna.id))
    assert [c["command"] for c in tg.world.bot.commands_for(anna.user)] == ["p"]
    with pytest.raises(BadRequest, match="only for groups and supergroups"):
        await bot.set_my_commands([("a", "x")], scope=telegram.BotCommandScopeChatAdministrators(anna.id))
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.set_my_commands([("a", "x")], scope=telegram.BotCommandScopeChat(999))


async def test_commands_of_groups(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """They and private chats have menus of their own; a narrow scope goes before a wider one in the language."""
    await bot.set_my_commands([("d", "default")], language_code="ru")
    await bot.set_my_commands([("p", "private")], scope=telegram.BotCommandScopeAllPrivateChats())
    await bot.set_my_commands([("g", "group")], scope=telegram.BotCommandScopeAllGroupChats())
    await bot.set_my_commands([("m", "admin")], telegram.BotCommandScopeAllChatAdministrators())
    menu = tg.world.bot.commands_in_groups
    assert [c["command"] for c in tg.world.bot.commands_for(anna.user)] == ["p"]
    assert [c["command"] for c in menu("ru")] == ["g"]
    assert [c["command"] for c in menu("ru", administrator=True)] == ["m"]
    await bot.delete_my_commands(telegram.BotCommandScopeAllGroupChats())
    assert [c["command"] for c in menu("ru")] == ["d"]
    assert menu("en") == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"commands": [{"command": "Старт", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "a" * 33, "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "a", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "a", "description": "x" * 257}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": [{"command": "a"}]}, "can't parse BotCommand: Can't find field \"description\""),
        ({"commands": ["a"]}, "can't parse BotCommand: expected an Object"),
        ({"commands": {}}, "expected an Array of BotCommand"),
        ({"commands": "["}, "can't parse commands JSON object"),
        ({"commands": [{"command": "a", "description": "x"}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": [], "language_code": "russian"}, "invalid language code specified"),
        ({"commands": [], "scope": {"type": "moon"}}, "can't parse BotCommandScope: Unsupported type specified"),
        ({"commands": [], "scope": {"type": "chat"}}, "can't parse BotCommandScope: Empty chat_id specified"),
        ({"commands": [], "scope": "[]"}, "can't parse BotCommandScope: BotCommandScope must be an Object"),
    ],
)
async def test_refused_commands(call: Callable[..., Any], params: dict[str, Any], words: str) -> None:
    """Commands are a-z, 0-9, _ up to 32, with 1-256 characters of description, at most 100."""
    status, answer = await call("setMyCommands", **params)
    assert (status, answer["description"]) == (400, f"Bad Request: {words}")


async def test_names_and_descriptions(bot: telegram.Bot) -> None:
    """Texts by language, with the default for languages that have none."""
    assert (await bot.get_my_name()).name == "Playground"
    await bot.set_my_name("Astral")
    await bot.set_my_name("Астрал", language_code="ru")
    assert (await bot.get_my_name("ru")).name == "Астрал"
    assert (await bot.get_my_name("de")).name == "Astral"
    assert (await bot.get_me()).first_name == "Astral"
    await bot.set_my_name("", language_code="ru")
    assert (await bot.get_my_name("ru")).name == "Astral"
    await bot.set_my_description("Что умеет бот")
    assert (await bot.get_my_description()).description == "Что умеет бот"
    await bot.set_my_short_description("Коротко", language_code="ru")
    assert (await bot.get_my_short_description("ru")).short_description == "Коротко"
    assert (await bot.get_my_short_description()).short_description == ""


@pytest.mark.parametrize(
    ("method", "field", "limit"),
    [
        ("setMyName", "name", 64),
        ("setMyDescription", "description", 512),
        ("setMyShortDescription", "short_description", 120),
    ],
)
async def test_limits_of_names(call: Callable[..., Any], method: str, field: str, limit: int) -> None:
    """The longest text passes, one more character does not."""
    assert (await call(method, **{field: "я" * limit}))[0] == 200
    assert (await call(method, **{field: "я" * (limit + 1)}))[0] == 400


async def test_menu_button(bot: telegram.Bot, anna: EmulatedUser, call: Callable[..., Any]) -> None:
    """The button of a chat goes before that of all."""
    assert (await bot.get_chat_menu_button()).type == "commands"
    web = telegram.MenuButtonWebApp("Открыть", telegram.WebAppInfo("https://example.org"))
    await bot.set_chat_menu_button(anna.id, web)
    assert await bot.get_chat_menu_button(anna.id) == web
    assert (await bot.get_chat_menu_button()).type == "commands"
    await bot.set_chat_menu_button(anna.id)
    assert (await bot.get_chat_menu_button(anna.id)).type == "commands"
    for button, words in (
        ({"type": "moon"}, "MenuButton has unsupported type"),
        ("[]", "MenuButton must be an Object"),
        ({"type": "web_app", "text": "x", "web_app": {"url": "http://e.org"}}, "BUTTON_URL_INVALID"),
    ):
        assert words in (await call("setChatMenuButton", menu_button=button))[1]["description"]


async def test_get_chat(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A private chat as the client wants it; also of a person who blocked the bot."""
    chat = await bot.get_chat(anna.id)
    assert (chat.type, chat.first_name, chat.username) == ("private", "Анна", "anna")
    await anna.block()
    assert (await bot.get_chat(anna.id)).id == anna.id
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.get_chat(999)


async def test_chat_members(bot: telegram.Bot, anna: EmulatedUser, tg: TelegramEmulator) -> None:
    """A private chat has the person and the bot."""
    assert (await bot.get_chat_member(anna.id, anna.id)).status == "member"
    assert (await bot.get_chat_member(anna.id, 42)).user.is_bot
    assert await bot.get_chat_member_count(anna.id) == 2
    boris = tg.user("Борис")
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        await bot.get_chat_member(anna.id, boris.id)
    with pytest.raises(BadRequest, match="User not found"):
        await bot.get_chat_member(anna.id, 999)


async def test_profile_photos(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Nobody has profile photos."""
    photos = await bot.get_user_profile_photos(anna.id)
    assert (photos.total_count, photos.photos) == (0, ())


async def test_log_out_and_close(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Both say yes, and the emulator goes on."""
    assert await bot.log_out()
    assert await bot.close()
    assert await bot.send_message(anna.id, "x")
