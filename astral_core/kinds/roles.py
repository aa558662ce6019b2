"""Checks of roles when they are declared: a route that nobody may use would be silent for ever."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from astral_core.config import ROLE_NAME, nearest
from astral_core.declare import CHAT_ADMIN, OWNER, PRIVATE, ChatKind
from astral_core.errors import DeclarationError

RESERVED = (OWNER, CHAT_ADMIN)


class Declarer(Protocol):
    """The plugin that declares."""

    id: str

    @property
    def roles(self) -> Mapping[str, str]: ...


def check_roles(plugin: str, roles: object) -> dict[str, str]:
    """What `Plugin(roles=...)` was given; DeclarationError where a name or a text is wrong."""
    if not isinstance(roles, Mapping):
        raise DeclarationError(plugin, f"roles={roles!r} is no dict.", 'roles={"support": N_("Answers people")}.')
    for name, text in roles.items():
        if name in RESERVED:
            raise DeclarationError(
                plugin, f"the role {name!r} is the core's own.", f"use role={name.upper()} without declaring it."
            )
        if not isinstance(name, str) or re.fullmatch(ROLE_NAME, name) is None:
            raise DeclarationError(plugin, f"the role {name!r} must be 1-32 of a-z 0-9 _ -.")
        if not isinstance(text, str) or not text.strip():
            raise DeclarationError(
                plugin, f"the role {name!r} does not say what it is for.", f'roles={{"{name}": N_("...")}}.'
            )
    return dict(roles)


def check_role(plugin: Declarer, what: str, role: object, chat: ChatKind) -> None:
    """DeclarationError where a route has a role that nobody can have there."""
    if role is None or role == OWNER or (isinstance(role, str) and role in plugin.roles):
        return
    if role == CHAT_ADMIN:
        if chat is PRIVATE:
            check_group(plugin.id, what, CHAT_ADMIN, "it answers in the private chat alone")
        return
    near = nearest(role, [*plugin.roles, *RESERVED]) if isinstance(role, str) else None
    hint = f"did you mean {near!r}?" if near else f'Plugin(roles={{{role!r}: N_("what it is for")}}).'
    raise DeclarationError(plugin.id, f"{what}: role={role!r} is none that the plugin declares.", hint)


def check_group(plugin: str, what: str, role: str | None, why: str) -> None:
    """DeclarationError where a role of groups is asked for outside of groups."""
    if role == CHAT_ADMIN:
        raise DeclarationError(
            plugin, f"{what}: role=CHAT_ADMIN is for administrators of a group, and {why}.",
            "declare it with chat=GROUP, or with another role.",
        )  # fmt: skip
