"""What a bot had kept before it moved in: the data of its persistence, read once, at the first start."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from telegram import Bot
from telegram.ext import BasePersistence

from astral_core.errors import HandlerError, NotKept
from astral_core.inbox.work import UnitOfWork
from astral_core.ptb.application import PtbApplication
from astral_core.ptb.codec import encode
from astral_core.ptb.store import BOT, CHAT, USER, Change, Slice, write

log = logging.getLogger("astral.ptb")


async def bring(application: PtbApplication, unit: UnitOfWork, persistence: BasePersistence[Any, Any, Any]) -> None:
    """Take over what `persistence` holds, if that was not done before. HandlerError where a value cannot be kept.

    A mark stays: what somebody has deleted since does not come back with the next start.
    """
    mark = Slice(application.plugin, "arrived", 0, 0)
    if await application.runs_with.look.find([mark]):
        return
    persistence.set_bot(application.bot)
    changes = [change async for change in _kept(application, persistence)]
    what = type(persistence).__name__
    log.info("plugin %r: takes over %d entries of its %s", application.plugin, len(changes), what)
    changes.append(Change(mark, b"", None, encode(True)))
    unit.writers.append(partial(write, changes=changes, bot=application.bot))


async def _kept(application: PtbApplication, persistence: BasePersistence[Any, Any, Any]) -> AsyncIterator[Change]:
    plugin, stored = application.plugin, persistence.store_data
    dicts: list[tuple[Slice, Any]] = []
    if stored.bot_data:
        dicts.append((Slice(plugin, BOT, 0, 0), await persistence.get_bot_data()))
    if stored.user_data:
        found = await persistence.get_user_data() or {}
        dicts += [(Slice(plugin, USER, 0, number), data) for number, data in found.items()]
    if stored.chat_data:
        found = await persistence.get_chat_data() or {}
        dicts += [(Slice(plugin, CHAT, number, 0), data) for number, data in found.items()]
    for where, data in dicts:
        for change in _entries(where, data, application.bot):
            yield change
    for one in application.conversations:
        states = (await persistence.get_conversations(one.handler.name) if one.handler.name else None) or {}
        for key, state in states.items():
            if state not in (None, one.handler.END):
                kept = _encoded(plugin, f"conversation {one.name!r}", state, application.bot)
                yield Change(one.slice(key), b"", None, kept)


def _entries(where: Slice, data: Mapping[Any, Any] | None, bot: Bot) -> Sequence[Change]:
    if data is not None and not isinstance(data, dict):
        raise HandlerError(f"plugin {where.plugin!r}: the persistence holds a {type(data).__name__}, and no dict.")
    what = f"{where.store}_data of {where.user_id or where.chat_id or 'the bot'}"
    found: list[Change] = []
    for key, value in (data or {}).items():
        item = _encoded(where.plugin, what, key, bot)
        found.append(Change(where, item, None, _encoded(where.plugin, f"{what}, {key!r}", value, bot)))
    return found


def _encoded(plugin: str, what: str, value: Any, bot: Bot) -> bytes:
    try:
        return encode(value, bot)
    except NotKept as error:
        raise HandlerError(
            f"plugin {plugin!r}: {what} of the old persistence cannot be kept: {error}. Fix: change it with the old "
            "bot, or take it out of the file. Nothing was taken over yet."
        ) from error
