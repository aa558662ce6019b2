"""Any other kind of update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from astral_core.botapi.check import near_miss
from astral_core.botapi.table import table, update_kinds
from astral_core.declare import ANY, CHANNEL, GROUP, PRIVATE, ChatKind, Flood, Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, RegisteredHandler, check_chat, registered
from astral_core.kinds.roles import check_group

INSTEAD = {  # kinds with routes of their own
    "message": "message, text or command",
    "callback_query": "callback",
    "inline_query": "inline",
    "pre_checkout_query": "pre_checkout",
    "shipping_query": "shipping",
    "channel_post": "message(..., chat=CHANNEL) or text(chat=CHANNEL)",
}
PLACELESS = frozenset(("poll",))  # kinds that come from no chat
CAUSES = frozenset(("from", "user", "sender_chat", "actor_chat"))  # members that name who caused an update
ELSEWHERE = {  # kinds that never come from a private chat
    "edited_channel_post": CHANNEL,
    "business_message": GROUP,  # where the owner of the business account reads, too
    "edited_business_message": GROUP,
    "deleted_business_messages": GROUP,
    "chat_member": GROUP | CHANNEL,
    "chat_join_request": GROUP | CHANNEL,
    "message_reaction_count": GROUP | CHANNEL,
    "chat_boost": GROUP | CHANNEL,
    "removed_chat_boost": GROUP | CHANNEL,
}


@dataclass(frozen=True)
class OnUpdate:
    """Updates of the kind `update`, such as "message_reaction": a member of the Bot API's Update."""

    handler: Handler
    update: str
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None


class Updates(Kind):
    """Found by the kind of update."""

    declares = OnUpdate
    name, plural = "update", "updates"
    may_skip = True
    updates = frozenset(update_kinds()) - INSTEAD.keys()

    def add(self, plugin: Owner, declared: OnUpdate, claims: Claims) -> str | None:
        """The kind is one that the Bot API has; one that is newer than the table is taken as it is."""
        kind, what = declared.update, f"route on({declared.update!r})"
        if kind in INSTEAD:
            raise DeclarationError(plugin.id, f"the {what} is asked for nothing.", f"use {INSTEAD[kind]}.")
        near = near_miss(kind, dict.fromkeys(update_kinds())) if kind not in update_kinds() else None
        if near is not None:
            raise DeclarationError(plugin.id, f"the {what} names no kind of update.", f"did you mean {near!r}?")
        check_chat(plugin, what, declared.chat, ELSEWHERE.get(kind, ANY))
        route = registered(plugin, declared, Updates, f"on {kind}", ("ctx", "update"), what=what)
        _check_role(plugin, kind, what, declared.role)
        chats = ["anywhere"] if kind in PLACELESS else [str(where.name).lower() for where in declared.chat]
        taken = [claims.take(f"route on {kind!r}", where, plugin) for where in chats]
        if all(taken):
            self.routes[f"{plugin.id}:{kind}:{len(self.routes)}"] = route
        return None

    def wanted(self) -> Iterable[str]:
        """Those that somebody takes."""
        return {route.declared.update for route in self.routes.values()}

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The routes of this kind that answer here."""
        if not self.routes:
            return None
        return (
            Match(route, (incoming.view,))
            for route in self.routes.values()
            if route.declared.update == incoming.kind and (incoming.chat in route.chat or incoming.is_nowhere)
        )

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The kind of update."""
        del key
        return str(route.declared.update)


def _check_role(plugin: Owner, kind: str, what: str, role: str | None) -> None:
    """DeclarationError for a role that nobody can have when such an update comes."""
    found = table().types["Update"].get(kind)
    members = table().types.get(found.type) if found is not None else None
    if role is None or members is None:
        return
    if CAUSES.isdisjoint(members):
        raise DeclarationError(
            plugin.id, f"the {what} has role={role!r}, and Telegram names nobody with {kind!r}.",
            "take the role out.",
        )  # fmt: skip
    if "chat" not in members:
        check_group(plugin.id, what, role, f"{kind!r} comes from no chat")
