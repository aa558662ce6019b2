"""Updates as Telegram writes them: messages and presses of many chats, each numbered within its Telegram queue.

Each fourth chat is a group, in which one person speaks. Two chats after each other have a desk in common: a third
chat, which writes nothing itself, and is told what happens in the two.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

FIRST_CHAT = 1_000_000
GROUPS = 4  # one of so many chats
FIRST_UPDATE = 700_000_000
CALLBACK_QUEUE = 3 << 33  # added to the sender's id: what tdlib/telegram-bot-api does
MESSAGE_LIFE, CALLBACK_LIFE = 24 * 3600.0, 150.0  # seconds until Telegram drops an update

# What people do, and how often. Commands of `storm`, and its button.
HABITS = {"write": 23, "reply": 15, "tell": 12, "slow": 10, "later": 10, "due": 10, "press": 25}


WITH_STEP = ("later", "six", "thirty")  # these leave work to a step


@dataclass(slots=True)
class Posting:
    """An update on its way: what is posted, what it must leave behind, and what became of it."""

    update_id: int
    chat: int
    action: str
    number: int  # within its queue, from 1
    body: bytes
    expires_at: float
    tries: int = 0
    acked_at: float = 0.0
    acked_by: int = -1
    expired: bool = False
    first_sent_at: float = 0.0

    @property
    def queue(self) -> int:
        """Telegram's queue id."""
        return abs(self.chat) + CALLBACK_QUEUE if self.action == "press" else self.chat

    @property
    def desk(self) -> int:
        """The chat that this chat and its neighbour tell what they do."""
        return -(abs(self.chat) // 2) * 1_000

    @property
    def tells(self) -> list[tuple[int, str]]:
        """What another chat must be told."""
        return [(self.desk, f"t{abs(self.chat)}:{self.number}")] if self.action == "tell" else []

    @property
    def stream(self) -> str:
        """`m` or `c`, as in answers."""
        return "c" if self.action == "press" else "m"

    @property
    def writes(self) -> list[str]:
        """The rows that it must leave, as `stream:number`."""
        return [] if self.action == "reply" else self.answers

    @property
    def answers(self) -> list[str]:
        """The messages that it must cause."""
        own = f"{self.stream}:{self.number}"
        if self.action == "die":
            return []
        if self.action == "due":
            return [own, f"d:{self.number}"]
        return [own, f"s:{self.number}"] if self.action in WITH_STEP else [own]


@dataclass
class Writer:
    """Makes updates. `seed` decides who does what."""

    chats: int
    seed: int = 0
    _numbers: Counter[int] = field(default_factory=Counter)
    _count: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(f"traffic {self.seed}")  # noqa: S311  # it draws accidents, not secrets

    def draw(self) -> Posting:
        """The next update of the storm."""
        place = self._random.randrange(self.chats)
        chat = -(FIRST_CHAT + place) if place % GROUPS == 1 else FIRST_CHAT + place
        (action,) = self._random.choices([*HABITS], [*HABITS.values()])
        return self.make(chat, action)

    def make(self, chat: int, action: str) -> Posting:
        """A command of `storm`, or a press of its button."""
        self._count += 1
        posting = Posting(FIRST_UPDATE + self._count, chat, action, 0, b"", 0.0)
        self._numbers[posting.queue] += 1
        posting.number = self._numbers[posting.queue]
        life = CALLBACK_LIFE if action == "press" else MESSAGE_LIFE
        posting.expires_at = time.monotonic() + life
        posting.body = _press(posting) if action == "press" else _command(posting)
        return posting


def _person(chat: int) -> dict[str, object]:
    chat = abs(chat)
    return {"id": chat, "is_bot": False, "first_name": f"Person {chat}", "language_code": "en"}


def _place(chat: int) -> dict[str, object]:
    if chat < 0:
        return {"id": chat, "type": "supergroup", "title": f"Group {-chat}"}
    return {"id": chat, "type": "private", "first_name": f"Person {chat}"}


def _command(posting: Posting) -> bytes:
    chat = posting.chat
    text = f"/{posting.action} {posting.number} {posting.desk}"
    message = {
        "message_id": posting.number,
        "date": int(time.time()),
        "from": _person(chat),
        "chat": _place(chat),
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": len(posting.action) + 1}],
    }
    return json.dumps({"update_id": posting.update_id, "message": message}).encode()


def _press(posting: Posting) -> bytes:
    chat = posting.chat
    message = {"message_id": 1, "date": int(time.time()), "chat": _place(chat), "text": "Buttons"}
    query = {"id": str(posting.update_id), "from": _person(chat), "chat_instance": "1", "message": message}
    data = f"storm:press/{posting.number}"
    return json.dumps({"update_id": posting.update_id, "callback_query": {**query, "data": data}}).encode()
