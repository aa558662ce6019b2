"""getMe, logOut, close."""

from __future__ import annotations

from typing import Any

from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .registry import method


@method("getMe")
def get_me(world: World, _params: Params) -> dict[str, Any]:
    """The bot's account."""
    return {
        **world.bot.to_dict(),
        "can_join_groups": True,
        "can_read_all_group_messages": not world.bot.privacy,
        "supports_inline_queries": world.bot.inline,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@method("logOut")
def log_out(_world: World, _params: Params) -> bool:
    """True; the emulator has no cloud server to log out from."""
    return True


@method("close")
def close(_world: World, _params: Params) -> bool:
    """True; the emulator keeps running, for it serves one bot only."""
    return True
