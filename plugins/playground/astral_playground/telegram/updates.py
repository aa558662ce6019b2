"""Updates that wait for the bot, and their story for the timeline."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from .clock import Clock
from .records import Call

DAY = 86_400.0  # s: how long Telegram keeps a message's update
QUERY_LIFETIME = 150.0  # s: the same for callback, pre-checkout and shipping queries
INLINE_LIFETIME = 30.0  # s: for inline queries
CHOSEN_LIFETIME = 600.0  # s: for chosen results
# Numbers of Telegram's webhook queues: one update at a time is in flight for each queue.
INLINE_QUEUE = 1 << 33
CHOSEN_QUEUE = 2 << 33
CALLBACK_QUEUE = 3 << 33
CHECKOUT_QUEUE = 4 << 33
MEMBER_QUEUE = 5 << 33  # of the bot's own membership, by chat
OTHERS_QUEUE = 6 << 33  # of other people's and their requests to join, by person
REACTION_QUEUE = 8 << 33
REACTION_COUNT_QUEUE = 9 << 33
# Kinds that a bot gets only when it asks for them.
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_FIRST_ID = 1_000_001
_HISTORY = 200


@dataclass(slots=True)
class Delivery:
    """One try to deliver: Unix time, HTTP status (0: none, or polling), milliseconds, error text."""

    at: float
    status: int
    ms: float
    error: str = ""


@dataclass(slots=True)
class Update:
    """One update. `state`: created, delivering, retrying, delivered, expired or dropped."""

    update_id: int
    type: str
    payload: dict[str, Any]
    queue_id: int
    expires_at: float
    user_id: int
    created: float
    message_id: int | None = None
    summary: str = ""
    chat_id: int = 0
    state: str = "created"
    deliveries: list[Delivery] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The Bot API's Update."""
        return {"update_id": self.update_id, self.type: self.payload}


class UpdateLog:
    """Pending updates in order of their ids, and the last ones of any state."""

    def __init__(self, clock: Clock, on_change: Callable[[Update], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._next_id = _FIRST_ID
        self.allowed: list[str] | None = None
        self.pending: dict[int, Update] = {}
        self.history: deque[Update] = deque(maxlen=_HISTORY)
        self._first_expiry = math.inf
        self._wakers: list[Callable[[], None]] = []

    def on_add(self, waker: Callable[[], None]) -> None:
        """Call `waker` at each new update."""
        self._wakers.append(waker)

    def remove_waker(self, waker: Callable[[], None]) -> None:
        """Undo `on_add`."""
        self._wakers.remove(waker)

    def wants(self, kind: str) -> bool:
        """Does the bot get updates of this kind?"""
        return kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT

    def add(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        user_id: int,
        queue_id: int,
        lifetime: float = DAY,
        message_id: int | None = None,
        summary: str = "",
        chat_id: int | None = None,
    ) -> Update | None:
        """Queue an update; None when the bot did not ask for its kind. `chat_id`: that of the person, unless told."""
        if not self.wants(kind):
            return None
        now = self._clock.time()
        update = Update(
            update_id=self._next_id,
            type=kind,
            payload=payload,
            queue_id=queue_id,
            expires_at=now + lifetime,
            user_id=user_id,
            created=now,
            message_id=message_id,
            summary=summary,
            chat_id=user_id if chat_id is None else chat_id,
        )
        self._next_id += 1
        self.pending[update.update_id] = update
        self._first_expiry = min(self._first_expiry, update.expires_at)
        self.history.append(update)
        self.changed(update)
        for waker in list(self._wakers):
            waker()
        return update

    def changed(self, update: Update, state: str | None = None) -> None:
        """Note a new state and tell the timeline."""
        if state is not None:
            update.state = state
        self._on_change(update)

    def forget(self, update: Update, state: str) -> None:
        """The update leaves the queue as delivered, expired or dropped."""
        self.pending.pop(update.update_id, None)
        self.changed(update, state)

    def expire(self, but: AbstractSet[int] = frozenset()) -> None:
        """Drop what is too old to be delivered, except for the updates with ids in `but`."""
        now = self._clock.time()
        if now <= self._first_expiry:
            return
        for update in [update for update in self.pending.values() if update.expires_at < now]:
            if update.update_id not in but:
                self.forget(update, "expired")
        self._first_expiry = min((update.expires_at for update in self.pending.values()), default=math.inf)

    @property
    def next_id(self) -> int:
        """The id that the next update will get."""
        return self._next_id

    def refill(self, next_id: int, updates: list[Update], pending: list[int]) -> None:
        """Go on with these updates, as after a restart; those that were on their way are delivered anew."""
        self._next_id = next_id
        self.history.clear()
        self.history.extend(updates)
        self.pending = {update.update_id: update for update in updates if update.update_id in set(pending)}
        for update in self.pending.values():
            update.state = "created"
        self._first_expiry = min((update.expires_at for update in self.pending.values()), default=math.inf)

    def drop_all(self) -> None:
        """Forget every pending update (drop_pending_updates)."""
        for update in list(self.pending.values()):
            self.forget(update, "dropped")

    def latest_of(self, chat_id: int) -> Update | None:
        """The newest update of this chat: calls into it are shown beside it."""
        return next((update for update in reversed(self.history) if update.chat_id == chat_id), None)

    def by_query(self, query_id: str) -> Update | None:
        """The update that carries the callback or pre-checkout query with this id."""
        for update in reversed(self.history):
            if update.type.endswith("_query") and update.payload.get("id") == query_id:
                return update
        return None
