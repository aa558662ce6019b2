"""Telegram's command menu, in every language that the bot speaks."""

from __future__ import annotations

import logging

from astral_core.bot.transport import Transport
from astral_core.host.services import Services

log = logging.getLogger("astral.bot")


async def announce_commands(transport: Transport, services: Services) -> None:
    """Tell Telegram the commands; best effort, since the bot works without its menu."""
    listed = [(name, bound) for name, bound in services.registry.commands.items() if bound.listed]
    for language in services.languages:
        commands = [
            {
                "command": name,
                "description": services.catalogs[bound.plugin].for_language(language).gettext(bound.description),
            }
            for name, bound in listed
        ]
        code = "" if language == services.languages[0] else language
        await transport.best_effort("setMyCommands", {"commands": commands, "language_code": code})
