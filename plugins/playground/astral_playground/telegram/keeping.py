"""The emulated world as bytes, for a playground that goes on where it stopped.

Kept is what people and the bot did. Gone are spinners of pressed buttons, open checkouts and inline queries, fault
rules, and where the bot's webhook was: they do not outlive a server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_type_hints

import msgspec

from .files import StoredFile
from .groups import Group
from .inline import InlineBook
from .polls import Poll
from .records import Bot, Invoice, Message, Payment, User
from .state import World
from .updates import Update

VERSION = 1
# Attributes of World that are not kept.
FLEETING = frozenset({
    "token", "clock", "queries", "checkouts", "calls", "webhook", "faults", "limits", "switches", "poll", "afresh",
    "_listeners", "_tasks", "next_set_webhook",
})  # fmt: skip
# Those that are kept in parts.
APART = frozenset({"files", "updates", "journal", "inline"})


class KeptError(Exception):
    """What is kept cannot be read: it is damaged, or of another version."""


@dataclass
class Attributes:
    """Attributes of World that are kept as they are."""

    bot: Bot
    users: dict[int, User]
    groups: dict[int, Group]
    messages: dict[int, dict[int, Message]]
    invoices: dict[str, Invoice]
    payments: dict[str, Payment]
    transactions: list[dict[str, Any]]
    polls: dict[str, Poll]
    _next_message: int
    _next_query: int
    _next_call: int
    _next_charge: int


@dataclass
class Kept:
    """All that is kept."""

    version: int
    world: Attributes
    files: list[StoredFile] = field(default_factory=list)
    next_update: int = 1
    updates: list[Update] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)


NAMES = frozenset(get_type_hints(Attributes))


def keep(world: World) -> bytes:
    """The world as bytes."""
    attributes = vars(world)
    log = world.updates
    known = {update.update_id: update for update in (*log.history, *log.pending.values())}
    kept = Kept(
        VERSION, Attributes(**{name: attributes[name] for name in NAMES}), world.files.all(), log.next_id,
        [known[number] for number in sorted(known)], list(log.pending), list(world.journal.traces),
        world.journal.failures,
    )  # fmt: skip
    return msgspec.msgpack.encode(kept, enc_hook=str)


def restore(world: World, data: bytes) -> None:
    """Make `world` what it was. KeptError, and nothing is changed, where `data` is not of this version."""
    try:
        kept = msgspec.msgpack.decode(data, type=Kept)
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeptError(f"the kept chats cannot be read ({error})") from None
    if kept.version != VERSION:
        raise KeptError(f"the kept chats are of version {kept.version}, this is {VERSION}")
    for name in NAMES:
        setattr(world, name, getattr(kept.world, name))
    world.bot.up, world.bot.detail = False, ""
    world.files.refill(kept.files)
    world.updates.refill(kept.next_update, kept.updates, kept.pending)
    world.journal.clear()
    world.journal.traces.extend(kept.traces)
    world.journal.failures.update(kept.failures)
    _join_invoices(world)
    _join_messages(world)


def _join_invoices(world: World) -> None:
    """An invoice is one object, in its message or link and in its payments."""
    for payment in world.payments.values():
        invoice = payment.invoice
        message = world.find(invoice.chat_id, invoice.message_id) if invoice.chat_id and invoice.message_id else None
        if message is not None and message.invoice is not None:
            payment.invoice = message.invoice
        elif invoice.slug in world.invoices:
            payment.invoice = world.invoices[str(invoice.slug)]


def _join_messages(world: World) -> None:
    """A message is one object: in its chat, in the poll that it shows, and by its inline_message_id."""
    for poll in world.polls.values():
        poll.messages = [world.find(one.chat_id, one.message_id) or one for one in poll.messages]
    world.inline = InlineBook()
    for messages in world.messages.values():
        for message in messages.values():
            if message.inline_message_id:
                world.inline.messages[message.inline_message_id] = message
