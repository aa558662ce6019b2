"""What a unit of work keeps: tables by its session, rows that may be there already, and small state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Row

from astral_core.db import states, upsert
from astral_core.db.session import Session
from astral_core.db.states import Kept, Saved, StateKey
from astral_core.errors import HandlerError, StateChanged
from astral_core.host.services import Services
from astral_core.host.shared import Shared
from astral_core.inbox.effect import RECORDED
from astral_core.inbox.work import UnitOfWork
from astral_core.state import State, decode, encode, name_of, scope_of

S = TypeVar("S", bound=State)


class Storage(Shared):
    """The database side of a unit of work."""

    def __init__(self, plugin: str, services: Callable[[], Services], unit: UnitOfWork) -> None:
        super().__init__(plugin, services)
        self._unit = unit

    @property
    def session(self) -> Session:
        """The session of this unit of work; opened at first use."""
        return self._unit.session

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after the commit, if anything was written, deferred or emitted.

        For memory only, such as caches: a crash loses it.
        """
        self._unit.after_commit.append(callback)

    async def upsert(
        self, table: Any, values: Mapping[str, Any], /, *, key: str | Iterable[str], keep: Iterable[str] = ()
    ) -> Row[Any]:
        """Insert a row; where one with the same `key` is there, change it. Return the row as it is then.

        `key` names the columns of a primary or unique key, `keep` those that an old row keeps. A write.
        """
        found = upsert.table_of(table)
        statement = upsert.upsert(self.session.get_bind().dialect, found, values, key, keep)
        return (await self.session.execute(statement)).one()

    async def insert_ignore(
        self, table: Any, values: Mapping[str, Any], /, *, key: str | Iterable[str] | None = None
    ) -> bool:
        """Insert a row, unless one with the same `key`, or any unique key, is there; tell whether it was. A write."""
        found = upsert.table_of(table)
        statement = upsert.insert_ignore(self.session.get_bind().dialect, found, values, key)
        result: Any = await self.session.execute(statement)
        return bool(result.rowcount == 1)

    # --- small state

    async def load(self, model: type[S], /, *, user: int | None = None, chat: int | None = None) -> S:
        """The state of a class of `Plugin(states=[...])`; its defaults where nothing is kept.

        It is that of this person, this chat, or this person in this chat, as the class says, unless `user` or `chat`
        names another. One query by primary key.
        """
        key = self._key(model, user, chat)
        saved = self._unit.saved.get(key)
        if saved is not None:
            return decode(self.id, model, saved.value)
        if key not in self._unit.read:
            # A transaction that has written reads by itself: another connection could wait for it.
            holds = self._unit.holds
            self._unit.read[key] = await (
                states.read_in(self.session, key) if holds else self._services.states.find(key)
            )
        kept = self._unit.read[key]
        return decode(self.id, model, kept.value) if kept is not None else model()

    def save(self, value: State, /, *, user: int | None = None, chat: int | None = None) -> None:
        """Keep `value`, with this unit of work's commit. Whose it is, is as for `load`.

        If what was loaded has been changed by somebody else meanwhile, the handler runs again, with the new one. What
        was not loaded before is overwritten. HandlerError for more than 16 KiB of JSON.
        """
        key = self._key(type(value), user, chat)
        before, kept = self._unit.saved.get(key), self._unit.read.get(key)
        old = before.value if before is not None else kept.value if kept is not None else None
        version = kept.version if kept is not None else None
        self._unit.saved[key] = Saved(encode(self.id, value, old), read=key in self._unit.read, version=version)
        return RECORDED

    async def change(
        self, model: type[S], function: Callable[[S], S], /, *, user: int | None = None, chat: int | None = None
    ) -> S:
        """Replace the state by what `function` makes of it, and return that. For what many change at once.

        The row is locked until the commit, so nobody runs again. A write.
        """
        key = self._key(model, user, chat)
        saved = self._unit.saved.pop(key, None)
        kept = await states.lock(self.session, key, encode(self.id, model(), None))
        known = self._unit.read.get(key)
        if known is not None and known.version != kept.version:
            raise StateChanged(f"plugin {self.id!r}: its state {key.name!r} was changed by somebody else meanwhile")
        value = function(decode(self.id, model, saved.value if saved is not None else kept.value))
        if type(value) is not model:
            raise HandlerError(f"plugin {self.id!r}: ctx.change takes a function that returns {model.__name__}.")
        new = Saved(encode(self.id, value, kept.value), read=False, version=None)
        self._unit.read[key] = Kept(await states.write(self.session, key, new), new.value)
        return value

    def _key(self, model: type[State], user: int | None, chat: int | None) -> StateKey:
        """Whose state it is. HandlerError if this plugin has not declared it, or if nobody is meant."""
        known = isinstance(model, type) and issubclass(model, State)
        if not known or self._services.registry.states.get(model) != self.id:
            name = getattr(model, "__name__", repr(model))
            raise HandlerError(f"plugin {self.id!r} has not declared the state {name}. Fix: Plugin(states=[{name}]).")
        scope = scope_of(model)
        who = self._whose(user) if scope in ("user", "member") else 0
        where = self._where(chat) if scope in ("chat", "member") else 0
        for number in (where, who):
            if isinstance(number, bool) or not isinstance(number, int) or not -(2**63) <= number < 2**63:
                raise HandlerError(f"plugin {self.id!r}: {number!r} is no id of a person or chat.")
        return StateKey(self.id, name_of(model), where, who)

    def _whose(self, user: int | None) -> int:
        """The person that is meant."""
        if user is None:
            raise HandlerError(f"plugin {self.id!r}: nobody is here. Fix: say whose state it is: user=<id>.")
        return user

    def _where(self, chat: int | None) -> int:
        """The chat that is meant."""
        if chat is None:
            raise HandlerError(f"plugin {self.id!r}: no chat is here. Fix: say which chat's state it is: chat=<id>.")
        return chat
