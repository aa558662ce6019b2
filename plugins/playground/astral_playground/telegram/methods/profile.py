"""Commands, names, descriptions and the menu button of the bot."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from astral_playground.telegram.entities import utf16_length
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Bot
from astral_playground.telegram.state import World

from .registry import method

MAX_COMMANDS = 100
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_MAX_DESCRIPTION = 256
_CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})
_SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})


def _language(params: Params) -> str:
    code = params.text("language_code")
    if code and not _LANGUAGE.fullmatch(code):
        raise bad_request("Invalid language code specified")
    return code


def _scope(world: World, params: Params) -> str:
    scope = params.json("scope", "BotCommandScope")
    if scope is None:
        return "default"
    if not isinstance(scope, dict):
        raise bad_request("Can't parse BotCommandScope: BotCommandScope must be an Object")
    kind = scope.get("type")
    if not isinstance(kind, str):
        raise bad_request("Can't parse BotCommandScope: Can't find field \"type\"")
    if kind in _SCOPES:
        return kind
    if kind not in _CHAT_SCOPES:
        raise bad_request("Can't parse BotCommandScope: Unsupported type specified")
    chat_id = scope.get("chat_id")
    if chat_id in (None, "", 0):
        raise bad_request("Can't parse BotCommandScope: Empty chat_id specified")
    user = world.chat_for_bot(str(chat_id), write=False)
    if kind != "chat":
        raise bad_request("Method is available only for groups and supergroups")
    return f"chat:{user.id}"


def _command(item: object) -> dict[str, str]:
    if not isinstance(item, dict):
        raise bad_request("Can't parse BotCommand: expected an Object")
    for name in ("command", "description"):
        if not isinstance(item.get(name), str):
            raise bad_request(f"Can't parse BotCommand: Can't find field \"{name}\"")
    command, description = item["command"].removeprefix("/"), item["description"].strip()
    if not _COMMAND.fullmatch(command):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= utf16_length(description) <= _MAX_DESCRIPTION:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}


def _menus_changed(world: World) -> None:
    world.emit("bot")
    for user in world.users.values():
        world.emit("user", user=user)


@method("setMyCommands")
def set_my_commands(world: World, params: Params) -> bool:
    """The menu of a scope and language."""
    key = (_scope(world, params), _language(params))
    items = params.json("commands", "commands")
    if items is not None and not isinstance(items, list):
        raise bad_request("Expected an Array of BotCommand")
    if len(items or []) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    world.bot.commands[key] = [_command(item) for item in items or []]
    if not world.bot.commands[key]:
        del world.bot.commands[key]
    _menus_changed(world)
    return True


@method("getMyCommands")
def get_my_commands(world: World, params: Params) -> list[dict[str, str]]:
    """The menu of exactly this scope and language."""
    return world.bot.commands.get((_scope(world, params), _language(params)), [])


@method("deleteMyCommands")
def delete_my_commands(world: World, params: Params) -> bool:
    """Take the menu of a scope and language away."""
    world.bot.commands.pop((_scope(world, params), _language(params)), None)
    _menus_changed(world)
    return True


def _texts(name: str, field: str, limit: int) -> None:
    """Enter setMy<name> and getMy<name> for a text of the bot, at most `limit` UTF-16 units."""
    constant = {
        "name": "BOT_TITLE_INVALID",
        "description": "DESCRIPTION_TOO_LONG",
        "short_description": "ABOUT_TOO_LONG",
    }
    texts: Callable[[Bot], dict[str, str]] = lambda bot: getattr(bot, field)  # noqa: E731 - one line says it

    def put(world: World, params: Params) -> bool:
        text, language = params.text(field).strip(), _language(params)
        if utf16_length(text) > limit:
            raise bad_request(constant[field])
        if text:
            texts(world.bot)[language] = text
        else:
            texts(world.bot).pop(language, None)
        world.emit("bot")
        return True

    def get(world: World, params: Params) -> dict[str, str]:
        known = texts(world.bot)
        default = world.bot.first_name if field == "name" else ""
        return {field: known.get(_language(params)) or known.get("") or default}

    method(f"setMy{name}")(put)
    method(f"getMy{name}")(get)


_texts("Name", "name", 64)
_texts("Description", "description", 512)
_texts("ShortDescription", "short_description", 120)


@method("setChatMenuButton")
def set_chat_menu_button(world: World, params: Params) -> bool:
    """The button beside the text field, of a chat or (chat 0) of all."""
    chat_id = 0
    if params.has("chat_id"):
        chat_id = world.chat_for_bot(params.text("chat_id"), write=False).id
    button = params.json("menu_button", "menu button")
    if button is None:
        button = {"type": "default"}
    if not isinstance(button, dict):
        raise bad_request("Can't parse menu button: MenuButton must be an Object")
    kind = button.get("type")
    if not isinstance(kind, str) or kind not in {"default", "commands", "web_app"}:
        raise bad_request("Can't parse menu button: MenuButton has unsupported type")
    if kind == "web_app":
        text, app = button.get("text"), button.get("web_app")
        url = app.get("url") if isinstance(app, dict) else None
        if not text or not isinstance(text, str) or not isinstance(url, str) or not url.startswith("https://"):
            raise bad_request("BUTTON_URL_INVALID")
    world.bot.menu_buttons[chat_id] = button
    world.emit("bot")
    return True


@method("getChatMenuButton")
def get_chat_menu_button(world: World, params: Params) -> dict[str, Any]:
    """The button of a chat, else that of all."""
    buttons = world.bot.menu_buttons
    if params.has("chat_id"):
        chat_id = world.chat_for_bot(params.text("chat_id"), write=False).id
        own = buttons.get(chat_id, {"type": "default"})
        if own["type"] != "default":
            return own
    return buttons.get(0, {"type": "commands"})
