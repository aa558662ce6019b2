"""The emulated world: one bot, people, private chats, groups and channels, files, payments and the clock."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from .admission import admit, thread_in
from .clock import Clock, SystemClock
from .errors import ApiError, PageError, bad_request, forbidden
from .faults import Faults, Switches
from .files import FileStore
from .groups import ANONYMOUS, CHANNEL_BOT, TELEGRAM, Group, Room
from .inline import InlineBook
from .journal import Journal
from .limits import FloodLimits
from .polling import LongPoll
from .polls import Poll
from .records import Bot, Call, CallbackQuery, Invoice, Message, Payment, PreCheckout, Sender, User, Version
from .updates import Update, UpdateLog

DEFAULT_TOKEN = "42:PLAYGROUND-TOKEN-FOR-LOCAL-USE-ONLY-000"  # noqa: S105 - it opens nothing but the emulator
_TOKEN = re.compile(r"[1-9][0-9]{0,15}:[A-Za-z0-9_-]{3,64}")
_REAL_TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{35}")
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FIRST_USER = 1001
_FIRST_QUERY = 4_300_000_001
_CALLS = 1000

Listener = Callable[[str, dict[str, Any]], None]


def looks_real(token: str) -> bool:
    """Does this look like a token that @BotFather gave out?"""
    return _REAL_TOKEN.fullmatch(token) is not None


@dataclass(slots=True)
class Webhook:
    """What setWebhook set; an empty `url` is no webhook."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    last_error_date: int = 0
    last_error_message: str = ""

    def __repr__(self) -> str:
        return f"Webhook({self.url!r})"


class World:
    """All state in memory. Ids come from counters, so the same actions give the same world."""

    def __init__(self, *, token: str = DEFAULT_TOKEN, clock: Clock | None = None) -> None:
        if not _TOKEN.fullmatch(token) or looks_real(token):
            raise ValueError(
                "World: the emulator's token must look like 42:ANY-LETTERS and not like one of @BotFather; "
                "a real token has no place here"
            )
        self.token = token
        self.clock: Clock = clock or SystemClock()
        self.bot = Bot(id=int(token.partition(":")[0]))
        self.users: dict[int, User] = {}
        self.groups: dict[int, Group] = {}
        self.messages: dict[int, dict[int, Message]] = {}
        self.files = FileStore()
        self.invoices: dict[str, Invoice] = {}
        self.queries: dict[str, CallbackQuery] = {}
        self.checkouts: dict[str, PreCheckout] = {}
        self.payments: dict[str, Payment] = {}
        self.transactions: list[dict[str, Any]] = []
        self.polls: dict[str, Poll] = {}
        self.inline = InlineBook()
        self.calls: deque[Call] = deque(maxlen=_CALLS)
        self.webhook = Webhook()
        self.faults = Faults()
        self.limits = FloodLimits()
        self.switches = Switches()
        self.updates = UpdateLog(self.clock, lambda update: self.emit("update", update=update))
        self.poll = LongPoll()
        self.journal = Journal()
        self.afresh: Callable[[], Coroutine[Any, Any, None]] | None = None  # the playground's: database and chats go
        self.next_set_webhook = 0.0
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_query = _FIRST_QUERY
        self._next_message = self._next_call = self._next_charge = 1

    # Listeners and background work

    def listen(self, listener: Listener) -> None:
        """Call `listener(name, data)` at each event."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Undo `listen`."""
        self._listeners.remove(listener)

    def emit(self, name: str, **data: Any) -> None:
        """Tell every listener."""
        for listener in list(self._listeners):
            listener(name, data)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else, until `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop background work."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Counters

    @property
    def now(self) -> int:
        """Unix time in whole seconds."""
        return int(self.clock.time())

    def query_id(self) -> str:
        """The next id of a callback or pre-checkout query."""
        self._next_query += 1
        return str(self._next_query - 1)

    def call_id(self) -> int:
        """The next number in the log of calls."""
        self._next_call += 1
        return self._next_call - 1

    def charge_id(self) -> str:
        """The next telegram_payment_charge_id."""
        self._next_charge += 1
        return f"playground-charge-{self._next_charge - 1:06d}"

    # People

    def add_user(self, first_name: str, **fields: Any) -> User:
        """A new person; fields are those of `User`. Raises PageError 400 or 409."""
        user_id = fields.pop("id", None)
        if user_id is None:
            user_id = max([_FIRST_USER - 1, *self.users]) + 1
        elif not 0 < user_id < 1 << 52 or user_id == self.bot.id:
            raise PageError(400, f"id {user_id} cannot be a person's id", "id")
        elif user_id in self.users:
            raise PageError(409, f"there is already a user with id {user_id}", "id")
        user = User(user_id, "")
        self.change_user(user, first_name=first_name, **fields)
        self.users[user_id] = user
        self.messages[user_id] = {}
        self.emit("user", user=user)
        return user

    def change_user(self, user: User, **fields: Any) -> None:
        """Set fields of a person after checking them; says nothing to the bot."""
        checks: dict[str, Callable[[Any], bool]] = {
            "first_name": lambda v: 1 <= len(v.strip()) <= 64,
            "last_name": lambda v: len(v) <= 64,
            "username": lambda v: v == "" or _USERNAME.fullmatch(v) is not None,
            "language_code": lambda v: v == "" or _LANGUAGE.fullmatch(v) is not None,
            "premium": lambda v: isinstance(v, bool),
            "stars": lambda v: 0 <= v <= 10**9,
            "hides_forwards": lambda v: isinstance(v, bool),
        }
        for name, value in fields.items():
            if name not in checks:
                raise PageError(400, f"a user has no field {name!r}", name)
            if not checks[name](value):
                raise PageError(400, f"{value!r} is no good {name}", name)
        username = fields.get("username", "").lower()
        if username and any(other.username.lower() == username for other in self.users.values() if other is not user):
            raise PageError(409, f"the username {fields['username']!r} is taken", "username")
        for name, value in fields.items():
            setattr(user, name, value)

    def user(self, user_id: int) -> User:
        """The person with this id; PageError 404 when there is none."""
        user = self.users.get(user_id)
        if user is None:
            raise PageError(404, f"there is no user {user_id}", "id")
        return user

    def known_users(self) -> dict[int, dict[str, Any]]:
        """Users that the bot may mention by id."""
        return {user.id: user.to_dict() for user in self.users.values() if user.started or self._met(user)}

    def room(self, chat_id: int) -> Room | None:
        """The chat with this id: a person's private one, a group or a channel."""
        return self.users.get(chat_id) if chat_id > 0 else self.groups.get(chat_id)

    def chat_for_bot(self, chat_id: str, *, write: bool = True) -> Room:
        """The chat that a call names, if the bot may use it; ApiError in Telegram's words otherwise."""
        if not chat_id:
            raise bad_request("Chat_id is empty")
        room = self.named(chat_id)
        if room is None or (isinstance(room, User) and not room.started and not self._met(room)):
            raise bad_request("Chat not found")
        if isinstance(room, Group):
            room.expire(self.clock.time())
            admit(room, self.bot.id, write=write)
        elif write and room.blocked:
            raise forbidden("bot was blocked by the user")
        elif write and not room.started and self.clock.time() >= room.open_until:
            raise forbidden("bot can't initiate conversation with a user")
        return room

    def _met(self, user: User) -> bool:
        """Whether the bot knows somebody who never wrote to it: from a group, or by their request to join one."""
        both = {user.id, self.bot.id}
        return user.open_until > 0 or any(both <= group.members.keys() for group in self.groups.values())

    def named(self, chat_id: str) -> Room | None:
        """The chat with this id or @username, if there is one."""
        if chat_id.startswith("@"):
            name = chat_id[1:].lower()
            return next((group for group in self.groups.values() if group.username.lower() == name != ""), None)
        return self.room(int(chat_id)) if re.fullmatch(r"-?[0-9]{1,18}", chat_id) else None

    # Messages

    def post(
        self,
        room: Room,
        sender: Sender,
        content: dict[str, Any],
        *,
        markup: dict[str, Any] | None = None,
        reply_to: int | None = None,
        invoice: Invoice | None = None,
        **fields: Any,
    ) -> Message:
        """Put a message into a chat; `fields` are others of Message: author, sender_chat, thread, facts."""
        if isinstance(room, User) and sender != "bot":
            fields.setdefault("author", room.id)
        if fields.get("thread") is None:
            fields["thread"] = self.thread_of_reply(room, reply_to)
        number = self._number(room)
        message = Message(number, room.id, sender, self.now, content, reply_to=reply_to, invoice=invoice, **fields)
        if markup is not None and "inline_keyboard" in markup:
            message.markup = markup if markup["inline_keyboard"] else None
        elif markup is not None:
            self._set_reply_keyboard(room, markup, message.message_id)
        if invoice is not None:
            invoice.chat_id, invoice.message_id = room.id, message.message_id
        self.messages[room.id][message.message_id] = message
        self.emit("message", message=message)
        return message

    def thread_of_reply(self, room: Room, reply_to: int | None) -> int | None:
        """A reply in a supergroup stands in the thread of what it answers, or begins one."""
        replied = None if reply_to is None else self.find(room.id, reply_to)
        if replied is None or not isinstance(room, Group) or room.type != "supergroup":
            return None
        return replied.thread or replied.message_id

    def _number(self, room: Room) -> int:
        """The next message's number: a supergroup and a channel count their own, all other chats together."""
        if isinstance(room, Group) and room.counts:
            room.next_message += 1
            return room.next_message - 1
        self._next_message += 1
        return self._next_message - 1

    def _set_reply_keyboard(self, room: Room, markup: dict[str, Any], message_id: int) -> None:
        if "keyboard" in markup:
            room.reply_keyboard = {**markup, "message_id": message_id}
        elif markup.get("remove_keyboard"):
            room.reply_keyboard = None
        else:
            return
        self.changed(room)

    def changed(self, room: Room) -> None:
        """Tell the page that something about a person or a group is new."""
        if isinstance(room, Group):
            self.emit("group", group=room)
        else:
            self.emit("user", user=room)

    def edit(self, message: Message, content: dict[str, Any], markup: dict[str, Any] | None) -> None:
        """Give a message new content and buttons and keep the old ones; 400 when nothing would change."""
        if content == message.content and markup == message.markup:
            raise ApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message",
            )
        buttons_only = content == message.content
        if not buttons_only:  # Telegram does not call a message edited because its buttons changed
            message.history.append(Version(message.edit_date or message.date, message.content, message.markup))
            message.edit_date = self.now
        message.content, message.markup = content, markup
        if message.chat_id:
            self.emit("edit", message=message, retired=buttons_only and markup is None)

    def delete(self, messages: list[Message]) -> None:
        """Remove messages of one chat."""
        for message in messages:
            message.deleted = True
            del self.messages[message.chat_id][message.message_id]
        if messages:
            ids = [message.message_id for message in messages]
            self.emit("delete", user_id=messages[0].chat_id, message_ids=ids)

    def find(self, chat_id: int, message_id: int) -> Message | None:
        """A message that has not been deleted."""
        return self.messages.get(chat_id, {}).get(message_id)

    def message_json(self, message: Message, *, nested: bool = False) -> dict[str, Any]:
        """The Bot API's Message; `nested`: without the message that it answers."""
        room = self.room(message.chat_id)
        if room is None:
            raise LookupError(f"message {message.message_id} is of chat {message.chat_id}, which is not there")
        data = {"message_id": message.message_id, **self._author(message, room), "date": message.date}
        data["chat"] = room.chat()
        if message.thread is not None:
            data["message_thread_id"] = message.thread
            if isinstance(room, User) or message.thread in room.topics:
                data["is_topic_message"] = True
        if message.edit_date is not None:
            data["edit_date"] = message.edit_date
        replied = None if nested or message.reply_to is None else self.find(message.chat_id, message.reply_to)
        if replied is not None:
            data["reply_to_message"] = self.message_json(replied, nested=True)
        data.update(message.facts)
        data.update(message.content)
        if message.markup is not None:
            data["reply_markup"] = message.markup
        return data

    def _author(self, message: Message, room: Room) -> dict[str, Any]:
        """`from` and `sender_chat`: a chat that writes has a stand-in of Telegram's, and a channel's post nobody."""
        if message.sender_chat is not None:
            speaks = self.groups[message.sender_chat].chat()
            if isinstance(room, Group) and room.type == "channel":
                return {"sender_chat": speaks}
            if message.facts.get("is_automatic_forward"):
                return {"from": TELEGRAM, "sender_chat": speaks}
            return {"from": ANONYMOUS if message.sender_chat == room.id else CHANNEL_BOT, "sender_chat": speaks}
        if message.sender == "bot" or message.author == self.bot.id or message.author is None:
            return {"from": self.bot.to_dict()}
        return {"from": self.users[message.author].to_dict()}

    def thread_for_bot(self, room: Room, thread: int) -> int | None:
        """The topic that a call names, if the bot may write there; None where the chat has none, or for General."""
        if not isinstance(room, Group) or not (thread or room.is_forum):
            return thread or None
        return thread_in(room, thread, self.bot.id, begun=self.find(room.id, thread) is not None)

    # The bot's side

    def set_bot_up(self, up: bool, detail: str = "") -> None:
        """Show whether the bot answers; `detail` says why not."""
        if (self.bot.up, self.bot.detail) != (up, detail):
            self.bot.up, self.bot.detail = up, detail
            self.emit("bot")

    def record(self, call: Call, update: Update | None) -> None:
        """Keep a finished call and link it to the update that it belongs to."""
        self.calls.append(call)
        if update is not None:
            call.update_id = update.update_id
            update.calls.append(call)
            self.updates.changed(update)
        self.emit("call", call=call)

    def reset(self, user: User | None = None) -> None:
        """Empty all chats, or that of one person: they begin anew. People and the webhook stay."""
        for one in self.users.values() if user is None else [user]:
            self.messages[one.id] = {}
            one.started = one.blocked = False
            one.reply_keyboard = None
            one.pinned.clear()
        if user is None:
            for group in self.groups.values():
                self.messages[group.id] = {}
                group.reply_keyboard = None
                group.pinned.clear()
                group.forwards.clear()
            self.limits = FloodLimits()
            self.updates.drop_all()
            self.updates.history.clear()
            self.journal.clear()
            self.calls.clear()
            self.faults.clear()
            self.invoices.clear()
            self.polls.clear()
            self.inline = InlineBook()
        self.emit("reset")
