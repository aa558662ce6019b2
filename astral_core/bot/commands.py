"""Telegram's command menus, one for private chats and one for groups, in every language that the bot speaks."""

from __future__ import annotations

from astral_core.bot.transport import Transport
from astral_core.declare import GROUP, PRIVATE, ChatKind
from astral_core.host.services import Services
from astral_core.i18n import Texts
from astral_core.kinds import RegisteredHandler

# The Bot API's scopes: https://core.telegram.org/bots/api#botcommandscope
SCOPES = {PRIVATE: "all_private_chats", GROUP: "all_group_chats"}


async def announce_commands(transport: Transport, services: Services) -> None:
    """Tell Telegram which commands work where; best effort, since the bot works without its menus."""
    for language in services.languages:
        code = "" if language == services.languages[0] else language
        for chat, scope in SCOPES.items():
            commands = _commands(services, chat, language)
            where = {"scope": {"type": scope}, "language_code": code}
            if commands:
                await transport.best_effort("setMyCommands", {"commands": commands, **where})
            else:
                await transport.best_effort("deleteMyCommands", where)
        # All chats without a menu of their own would show it, and earlier versions put the private commands there.
        await transport.best_effort("deleteMyCommands", {"scope": {"type": "default"}, "language_code": code})


def _commands(services: Services, chat: ChatKind, language: str) -> list[dict[str, str]]:
    """The BotCommands that work in this kind of chat."""
    return [
        {
            "command": name,
            "description": _description(services, route, language),
        }
        for name, route in services.registry.commands.items()
        if route.declared.is_listed and chat in route.chat
    ]


def _description(services: Services, route: RegisteredHandler, language: str) -> str:
    return Texts(services.catalogs[route.plugin].for_language(language), language).plain(route.declared.description)
