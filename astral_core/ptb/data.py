"""The data of one row that is handled: `user_data`, `chat_data`, `bot_data`, and the states of conversations.

It is loaded before the handlers are asked, changed by them as any dict, and compared with what was loaded when they
are done. What they changed is written in the row's commit; a handler that fails leaves nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram import Bot

from astral_core.errors import HandlerError, NotKept
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.store import BOT, CHAT, NOTHING, USER, Change, Entries, Entry, Slice

MOST = 1_048_576  # bytes of one dict, which is loaded whole
ITEM = 512  # bytes of a key
log = logging.getLogger("astral.ptb")
_TOLD = 1_000
_told: set[int] = set()  # entries of which the log says that they cannot be read
_FIX = "Fix: keep less, or use a table of the plugin (Plugin(tables=...)), with context.astral.session."


@dataclass
class Held:
    """One dict: what is kept of it, and the dict that handlers change once somebody has looked at it."""

    slice: Slice
    entries: Entries
    live: dict[Any, Any] | None = None
    seen: dict[bytes, bytes] = field(default_factory=dict)  # its entries after the last handler that ended well
    began: dict[bytes, bytes] = field(default_factory=dict)  # what `setup` has put there, where nothing was kept
    unread: dict[bytes, bytes] = field(default_factory=dict)  # entries that this version of the bot cannot read


class RowData:
    """All data of one plugin that one row's handlers can see. `constants` are entries of `bot_data` from `setup`."""

    def __init__(self, plugin: str, bot: Bot, constants: Mapping[Any, Any]) -> None:
        self._plugin = plugin
        self._bot = bot
        self._constants = constants
        self._held: dict[Slice, Held] = {}

    def slice(self, store: str, chat: int = 0, user: int = 0) -> Slice:
        """Of this plugin."""
        return Slice(self._plugin, store, chat, user)

    def take(self, wanted: Iterable[Slice], found: Mapping[Slice, Entries]) -> None:
        """Take note of what was loaded."""
        for one in wanted:
            self._held.setdefault(one, Held(one, found.get(one, NOTHING)))

    # --- for handlers

    def user(self, user_id: int) -> dict[Any, Any]:
        """`user_data` of this person."""
        return self._live(self.slice(USER, user=user_id), f"user_data of user {user_id}")

    def chat(self, chat_id: int) -> dict[Any, Any]:
        """`chat_data` of this chat."""
        return self._live(self.slice(CHAT, chat=chat_id), f"chat_data of chat {chat_id}")

    @property
    def bot(self) -> dict[Any, Any]:
        """`bot_data`."""
        return self._live(self.slice(BOT), "bot_data")

    def _live(self, one: Slice, what: str) -> dict[Any, Any]:
        held = self._held.get(one)
        if held is None:
            raise HandlerError(
                f"plugin {self._plugin!r}: {what} is not loaded here; only that of the update's own person and chat "
                "is. Fix: await context.load(user_id=..., chat_id=...) before, or keep it in bot_data."
            )
        if held.live is None:
            held.live = self._read(held)
            if one.store == BOT:
                self._add_constants(held)
        return held.live

    def _read(self, held: Held) -> dict[Any, Any]:
        """The dict as it is kept. What another version of the bot has written and this one cannot read stays kept."""
        live: dict[Any, Any] = {}
        for item, entry in held.entries.items():
            try:
                live[self._key(held, item)] = decode(entry.value, self._bot)
            except ValueError:
                held.unread[item] = entry.value
                self._tell_unreadable(held.slice, entry)
        held.seen = {item: entry.value for item, entry in held.entries.items()}
        return live

    def _tell_unreadable(self, one: Slice, entry: Entry) -> None:
        """Say it once in the life of a process, not with each update."""
        if entry.version not in _told and len(_told) < _TOLD:
            _told.add(entry.version)
            log.exception(
                "plugin %r: an entry of %s (%d bytes) cannot be read; it stays, and no handler sees it",
                self._plugin, one.store, len(entry.value),
            )  # fmt: skip

    def _add_constants(self, held: Held) -> None:
        """What `setup` and `post_init` put into `bot_data` is there at each start, if nothing else is kept there."""
        for key, value in self._constants.items():
            if held.live is not None and key not in held.live:
                try:
                    item, encoded = encode(key), encode(value, self._bot)
                except NotKept:  # an object of this process, such as a pool of connections
                    held.live[key] = value
                else:
                    held.live[key] = decode(encoded, self._bot)
                    held.seen[item] = held.began[item] = encoded

    # --- states of conversations

    def state(self, one: Slice) -> Any:
        """The state of a conversation; None where there is none."""
        held = self._held.get(one)
        if held is None:
            raise HandlerError(f"plugin {self._plugin!r}: the conversation {one.store!r} is not loaded here.")
        if held.live is None:
            held.live = self._read(held)
        return held.live.get(b"")

    def set_state(self, one: Slice, state: Any) -> None:
        """A conversation's new state; None ends it."""
        self.state(one)
        live = self._held[one].live
        if live is not None:
            live.pop(b"", None)
            if state is not None:
                live[b""] = state

    # --- what has changed

    def settle(self) -> None:
        """A handler has ended well: what it changed stays, whatever those after it do. HandlerError if it cannot."""
        for held in self._held.values():
            if held.live is not None:
                held.seen = self._encoded(held)

    def restore(self) -> None:
        """A handler has failed: what it changed is gone."""
        for held in self._held.values():
            if held.live is not None:
                items = ((item, value) for item, value in held.seen.items() if item not in held.unread)
                kept = {self._key(held, item): decode(value, self._bot) for item, value in items}
                objects = {key: value for key, value in held.live.items() if self._is_constant(held, key, value)}
                held.live.clear()  # the same dict: a handler of a later group may hold it
                held.live.update(objects | kept)

    def changes(self) -> list[Change]:
        """What the commit has to write: all that was changed until `settle`."""
        return [change for held in self._held.values() if held.live is not None for change in self._changes(held)]

    def _changes(self, held: Held) -> Iterator[Change]:
        for item in {*held.seen, *held.entries}:
            base, value = held.entries.get(item), held.seen.get(item)
            began = held.began.get(item) if base is None else None
            if value != (base.value if base is not None else began):
                yield Change(held.slice, item, base, value, began)

    def _encoded(self, held: Held) -> dict[bytes, bytes]:
        found = dict(held.unread)
        for key, value in (held.live or {}).items():
            if self._is_constant(held, key, value):
                continue
            what = _named(held.slice, key)
            try:
                item = key if _is_state(held.slice) else encode(key)
                found[item] = encode(value, self._bot)
            except NotKept as error:
                raise HandlerError(
                    f"plugin {self._plugin!r}: {what} cannot be kept over a restart: {error}. Fix: keep what it is "
                    "made of, or let setup or post_init put it into bot_data at each start."
                ) from error
            if len(item) > ITEM:
                raise HandlerError(f"plugin {self._plugin!r}: {what[:80]}: a key has at most {ITEM} bytes. {_FIX}")
        size = _size(found)
        if size > MOST and size > _size(held.seen):  # who only reads what has become too long is not to blame
            raise HandlerError(
                f"plugin {self._plugin!r}: {held.slice.store}_data has {size} bytes, at most {MOST} are kept. {_FIX}"
            )
        return found

    def _key(self, held: Held, item: bytes) -> Any:
        return item if _is_state(held.slice) else decode(item, self._bot)

    def _is_constant(self, held: Held, key: Any, value: Any) -> bool:
        """Whether this is the very object that `setup` put into `bot_data`, and which is of this process."""
        return held.slice.store == BOT and key in self._constants and self._constants[key] is value


def _size(entries: Mapping[bytes, bytes]) -> int:
    return sum(len(item) + len(value) for item, value in entries.items())


def _is_state(one: Slice) -> bool:
    return one.store not in (USER, CHAT, BOT)


def _named(one: Slice, key: Any) -> str:
    return f"the state of {one.store}" if _is_state(one) else f"{one.store}_data[{key!r}]"
