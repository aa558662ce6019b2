"""Plain records that the emulated world consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Sender = Literal["user", "bot", "service"]
# What a message can be; an animation is a document, and a live photo a photo, too.
KINDS = (
    "live_photo", "animation", "photo", "video", "audio", "voice", "video_note", "sticker", "document", "paid_media",
    "text", "rich_message", "invoice", "poll", "dice", "venue", "location", "contact",
)  # fmt: skip


@dataclass(slots=True)
class User:
    """A person. `stars`: their balance; `blocked`: they blocked the bot; `started`: they ever wrote to it.

    `hides_forwards`: what others forward of them carries their name and no account.
    """

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = "en"
    premium: bool = False
    stars: int = 0
    blocked: bool = False
    started: bool = False
    open_until: float = 0.0  # they asked to join a group: until then the bot may write to them, started or not
    pinned: list[int] = field(default_factory=list)
    hides_forwards: bool = False
    reply_keyboard: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The Bot API's User."""
        data: dict[str, Any] = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        if self.last_name:
            data["last_name"] = self.last_name
        if self.username:
            data["username"] = self.username
        if self.language_code:
            data["language_code"] = self.language_code
        if self.premium:
            data["is_premium"] = True
        return data

    def chat(self) -> dict[str, Any]:
        """The Bot API's Chat of the private chat with this person."""
        data: dict[str, Any] = {"id": self.id, "first_name": self.first_name}
        if self.last_name:
            data["last_name"] = self.last_name
        if self.username:
            data["username"] = self.username
        return {**data, "type": "private"}


@dataclass(slots=True)
class Version:
    """What a message was before an edit."""

    date: int
    content: dict[str, Any]
    markup: dict[str, Any] | None


@dataclass(slots=True)
class Invoice:
    """An invoice: of a message, or of a link (`slug`). `total_amount` in the currency's smallest units."""

    title: str
    description: str
    payload: str
    currency: str
    total_amount: int
    photo_url: str | None = None
    start_parameter: str = ""
    subscription_period: int = 0
    slug: str | None = None
    chat_id: int | None = None
    message_id: int | None = None
    in_checkout: bool = False
    payments: int = 0

    @property
    def state(self) -> str:
        """open, checkout (waits for the bot's answer) or paid."""
        if self.in_checkout:
            return "checkout"
        return "paid" if self.payments else "open"


@dataclass(slots=True)
class Message:
    """A message; `content` has the Bot API's fields of its kind (text, photo, ...).

    `author` is the person who wrote it, `sender_chat` the chat as which somebody writes, `thread` the topic that it
    stands in. `facts` are fields that say where it comes from (forward_origin, via_bot, ...). `inline_message_id` is
    the name of one that was sent through the bot; in a chat that the bot cannot see, its `chat_id` is 0.
    """

    message_id: int
    chat_id: int
    sender: Sender
    date: int
    content: dict[str, Any]
    markup: dict[str, Any] | None = None
    reply_to: int | None = None
    author: int | None = None
    sender_chat: int | None = None
    thread: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    reactions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # by person; of the bot by its own id
    edit_date: int | None = None
    history: list[Version] = field(default_factory=list)
    invoice: Invoice | None = None
    deleted: bool = False
    inline_message_id: str = ""

    @property
    def text(self) -> str:
        """Text or caption."""
        return str(self.content.get("text") or self.content.get("caption") or "")

    @property
    def kind(self) -> str:
        """What the message is: "text", "photo", "voice", ..., the Bot API's name; "other" for what is not listed."""
        return next((kind for kind in KINDS if kind in self.content), "other")

    @property
    def button_rows(self) -> list[list[dict[str, Any]]]:
        """Rows of the inline keyboard."""
        return (self.markup or {}).get("inline_keyboard", []) if self.markup else []

    @property
    def buttons(self) -> list[str]:
        """Texts of the inline buttons, row by row."""
        return [button["text"] for row in self.button_rows for button in row]


@dataclass(slots=True)
class CallbackQuery:
    """A pressed button; `done` is set when the bot answered or the time for it is over.

    That of an inline message names it by `inline_message_id`, and its `message_id` is 0. `message` is the one whose
    button was pressed.
    """

    id: str
    user_id: int
    message_id: int
    data: str
    asked_at: float
    done: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False
    text: str = ""
    alert: bool = False
    url: str = ""
    inline_message_id: str = ""
    message: Message | None = None


@dataclass(slots=True)
class PreCheckout:
    """A pre-checkout query; `answer` gets the bot's error message, empty for a yes."""

    id: str
    user_id: int
    invoice: Invoice
    asked_at: float
    answer: asyncio.Future[str]


@dataclass(slots=True)
class Payment:
    """A payment that went through."""

    charge_id: str
    provider_charge_id: str
    user_id: int
    invoice: Invoice
    date: int
    refunded: bool = False


@dataclass(slots=True)
class Call:
    """One call of the Bot API as recorded; `ms` is how long it took, `via` http or webhook_answer."""

    id: int
    method: str
    at: float
    params: dict[str, Any]
    via: str = "http"
    ms: float = 0.0
    ok: bool = False
    error_code: int = 0
    description: str = ""
    result: Any = None
    chat_id: int | None = None
    update_id: int | None = None


@dataclass(slots=True)
class Bot:
    """The bot's own account and what it set about itself, by language code.

    `privacy`: in groups it hears only what is meant for it; `inline`: people may ask it from any chat;
    `inline_feedback`: it is told which result they chose.
    """

    id: int
    username: str = "playground_bot"
    first_name: str = "Playground"
    stars: int = 0
    up: bool = False
    detail: str = ""
    privacy: bool = True
    inline: bool = True
    inline_feedback: bool = True
    name: dict[str, str] = field(default_factory=dict)
    description: dict[str, str] = field(default_factory=dict)
    short_description: dict[str, str] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    menu_buttons: dict[int, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The Bot API's User of the bot."""
        name = self.name.get("") or self.first_name
        return {"id": self.id, "is_bot": True, "first_name": name, "username": self.username}

    def commands_for(self, user: User) -> list[dict[str, str]]:
        """The menu that `user` sees in the private chat."""
        return self.menu(user.language_code, f"chat:{user.id}", "all_private_chats")

    def commands_in_groups(self, language: str, *, administrator: bool = False) -> list[dict[str, str]]:
        """The menu that a person of this language sees in every group."""
        return self.menu(language, *(["all_chat_administrators"] if administrator else []), "all_group_chats")

    def menu(self, language: str, *scopes: str) -> list[dict[str, str]]:
        """The first menu there is, of `scopes` and then the default one, of each in the language and then in none.

        The rule is https://core.telegram.org/bots/api#determining-list-of-commands .
        """
        for scope in (*scopes, "default"):
            for code in (language, ""):
                found = self.commands.get((scope, code))
                if found:
                    return found
        return []
