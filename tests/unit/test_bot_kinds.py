"""Which kinds of update a handler can take, held against python-telegram-bot's own answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot, Message, Update, User, ext
from telegram.ext import BaseHandler, ConversationHandler, filters

from astral_core.botapi.table import Field, alternatives, table, update_kinds
from astral_core.ptb.updates import kinds_of

EVERY = frozenset(update_kinds())
MESSAGES = {"message", "edited_message", "channel_post", "edited_channel_post", "business_message",
            "edited_business_message", "guest_message"}  # fmt: skip
UNKNOWN = {"TypeHandler", "BaseHandler"}  # take every kind, or cannot be made
SIMPLE: dict[str, Any] = {"Integer": 7, "Float": 1.5, "String": "text", "Boolean": True, "True": True}
COMMAND = {
    "text": "/start",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    "from": {"id": 7, "is_bot": False, "first_name": "Anna"},
    "chat": {"id": 7, "type": "private"},
}
TYPE_FILTERS = [one for one in vars(filters.UpdateType).values() if isinstance(one, filters.BaseFilter)]


async def callback(update: Any, context: Any) -> Any:
    """What a handler calls."""


class Presses(filters.BaseFilter):
    """A filter that looks at more than messages."""

    def check_update(self, update: Update) -> bool:
        """Take presses of buttons, too."""
        return update.callback_query is not None or bool(super().check_update(update))


class Starts(filters.MessageFilter):
    """A filter of a plugin's own."""

    def filter(self, message: Message) -> bool:
        """Take what starts."""
        return bool(message.text and message.text.startswith("/"))


class Greeting(ext.MessageHandler[Any, Any]):
    """A subclass that chooses as its parent does."""


class Picky(ext.MessageHandler[Any, Any]):
    """A subclass that chooses by itself."""

    def check_update(self, update: object) -> bool:
        """Take anything."""
        return True


def talk() -> ConversationHandler[Any]:
    """It begins with a command, goes on by inline queries and posts, and ends by an answer to a poll."""
    posts = ext.MessageHandler(filters.UpdateType.CHANNEL_POSTS, callback)
    states: dict[object, list[Any]] = {1: [ext.InlineQueryHandler(callback)], 2: [posts]}
    return ConversationHandler(
        [ext.CommandHandler("start", callback)], states, [ext.PollAnswerHandler(callback)], per_chat=False
    )


def presses() -> ConversationHandler[Any]:
    """A conversation for each message with buttons."""
    press = ext.CallbackQueryHandler(callback)
    return ConversationHandler([press], {1: [press]}, [press], per_message=True)


def message_handler(filter_: filters.BaseFilter | None) -> ext.MessageHandler[Any, Any]:
    """A handler with this filter."""
    return ext.MessageHandler(filter_, callback)


CASES: list[tuple[BaseHandler[Any, Any, Any], set[str]]] = [
    (ext.BusinessConnectionHandler(callback), {"business_connection"}),
    (ext.BusinessMessagesDeletedHandler(callback), {"deleted_business_messages"}),
    (ext.CallbackQueryHandler(callback), {"callback_query"}),
    (ext.ChatBoostHandler(callback), {"chat_boost"}),
    (ext.ChatBoostHandler(callback, chat_boost_types=0), {"removed_chat_boost"}),
    (ext.ChatBoostHandler(callback, chat_boost_types=1), {"chat_boost", "removed_chat_boost"}),
    (ext.ChatJoinRequestHandler(callback), {"chat_join_request"}),
    (ext.ChatMemberHandler(callback), {"my_chat_member"}),
    (ext.ChatMemberHandler(callback, ext.ChatMemberHandler.CHAT_MEMBER), {"chat_member"}),
    (ext.ChatMemberHandler(callback, ext.ChatMemberHandler.ANY_CHAT_MEMBER), {"my_chat_member", "chat_member"}),
    (ext.ChosenInlineResultHandler(callback), {"chosen_inline_result"}),
    (ext.CommandHandler("start", callback), {"message", "edited_message"}),
    (ext.CommandHandler("start", callback, filters.ALL), MESSAGES),
    (ext.CommandHandler("start", callback, ~filters.UpdateType.EDITED & filters.ChatType.PRIVATE),
     {"message", "channel_post", "business_message", "guest_message"}),
    (ext.CommandHandler("start", callback, Presses()), MESSAGES | {"callback_query"}),
    (talk(), {"message", "edited_message", "inline_query", "poll_answer"}),
    (presses(), {"callback_query"}),
    (ext.InlineQueryHandler(callback), {"inline_query"}),
    (ext.ManagedBotUpdatedHandler(callback), {"managed_bot"}),
    (message_handler(None), MESSAGES),
    (message_handler(filters.TEXT & ~filters.COMMAND), MESSAGES),
    (message_handler(filters.StatusUpdate.ALL), MESSAGES),
    (message_handler(filters.UpdateType.CHANNEL_POST), {"channel_post"}),
    (message_handler(filters.TEXT & filters.UpdateType.MESSAGE), {"message"}),
    (message_handler(filters.UpdateType.MESSAGES ^ filters.UpdateType.EDITED_MESSAGE), {"message"}),
    (message_handler(~filters.ALL), set()),
    (message_handler(Presses()), set(EVERY)),
    (message_handler(Presses() & Presses()), MESSAGES),
    (message_handler(Presses() | filters.ALL), MESSAGES),
    (ext.MessageReactionHandler(callback), {"message_reaction", "message_reaction_count"}),
    (ext.MessageReactionHandler(callback, message_reaction_types=-1), {"message_reaction"}),
    (ext.MessageReactionHandler(callback, message_reaction_types=0), {"message_reaction_count"}),
    (ext.PaidMediaPurchasedHandler(callback), {"purchased_paid_media"}),
    (ext.PollAnswerHandler(callback), {"poll_answer"}),
    (ext.PollHandler(callback), {"poll"}),
    (ext.PreCheckoutQueryHandler(callback), {"pre_checkout_query"}),
    (ext.PrefixHandler("/", "start", callback), {"message", "edited_message"}),
    (ext.PrefixHandler("/", "start", callback, filters.ALL), MESSAGES),
    (ext.ShippingQueryHandler(callback), {"shipping_query"}),
    (ext.StringCommandHandler("start", callback), set()),
    (ext.StringRegexHandler("start", callback), set()),
    (ext.TypeHandler(Update, callback), set(EVERY)),
    (Greeting(filters.UpdateType.MESSAGE, callback), {"message"}),
    (Picky(filters.UpdateType.MESSAGE, callback), set(EVERY)),
]  # fmt: skip
IDS = [f"{type(handler).__name__}-{number}" for number, (handler, _) in enumerate(CASES)]


def make(type_: str, depth: int = 0) -> Any:
    """A value of a type, with all that is needed; a message is the command, so that every handler finds its own."""
    first = alternatives(type_)[0]
    if first.startswith("["):
        return [make(first[1:-1], depth + 1)]
    if first in SIMPLE:
        return SIMPLE[first]
    if first in table().unions:
        return make(table().unions[first][0], depth)
    found = {name: make_member(field, depth) for name, field in table().types[first].items() if field.required}
    return {**found, **COMMAND} if first == "Message" else found


def make_member(field: Field, depth: int) -> Any:
    """A member: its one value where it has one."""
    return field.constant or make(field.type, depth + 1)


def update_of(kind: str) -> Update:
    """An update of the kind, as python-telegram-bot makes it of Telegram's JSON."""
    bot = Bot("42:token")
    bot._bot_user = User(42, "Astral", is_bot=True, username="astral_bot")
    made = make(table().types["Update"][kind].type)
    if kind == "callback_query":
        made |= {"message": make("Message"), "data": "press"}
    return Update.de_json({"update_id": 1, kind: made}, bot)


UPDATES = {kind: update_of(kind) for kind in update_kinds()}


def taken(handler: BaseHandler[Any, Any, Any]) -> set[str]:
    """The kinds of which the library says that the handler takes the update."""
    return {kind for kind, update in UPDATES.items() if handler.check_update(update) not in (None, False)}


@pytest.mark.parametrize(("handler", "kinds"), CASES, ids=IDS)
def test_the_kinds_of_a_handler(handler: BaseHandler[Any, Any, Any], kinds: set[str]) -> None:
    """What the library looks at, and no more."""
    assert kinds_of(handler) == kinds


@pytest.mark.parametrize("handler", [handler for handler, _ in CASES], ids=IDS)
def test_what_the_library_takes_is_among_the_kinds(handler: BaseHandler[Any, Any, Any]) -> None:
    """Or the handler would wait in vain for updates that Telegram was not asked for."""
    assert taken(handler) <= kinds_of(handler)


def test_the_library_takes_something_of_each_handler() -> None:
    """The updates of these tests are such that the check above can fail: most handlers take all their kinds."""
    missed = {type(handler).__name__ for handler, kinds in CASES if kinds - taken(handler)}
    assert missed == {"ConversationHandler", "MessageHandler"}  # later states; filters that want no command
    assert len([kinds for handler, kinds in CASES if kinds and kinds == taken(handler)]) >= 30


def test_every_handler_of_the_library_is_known() -> None:
    """A class that a new version brings is noticed here: it needs a rule in `kinds.py` and a case above."""
    exported = {name for name in ext.__all__ if re.search("Handler$", name)}
    known = {type(handler).__name__ for handler, _ in CASES if kinds_of(handler) != EVERY}
    assert {name for name in exported if issubclass(getattr(ext, name), BaseHandler)} == exported
    assert exported - known == UNKNOWN


def test_the_kinds_are_those_of_the_table() -> None:
    """No rule names a kind that the Bot API does not have."""
    assert frozenset().union(*(kinds for _, kinds in CASES)) == EVERY
    assert all(kinds_of(handler) <= EVERY for handler, _ in CASES)


def test_a_check_that_was_put_on_the_handler_is_unknown() -> None:
    """As is one that a subclass has."""
    handler = Greeting(filters.ALL, callback)
    vars(handler)["check_update"] = bool
    assert kinds_of(handler) == EVERY


ATOMS = st.sampled_from([*TYPE_FILTERS, filters.ALL])
OTHERS = st.sampled_from(
    [filters.TEXT, filters.COMMAND, filters.PHOTO, filters.StatusUpdate.ALL, Presses(), Starts()]
)


def combined(atoms: st.SearchStrategy[filters.BaseFilter]) -> st.SearchStrategy[filters.BaseFilter]:
    """Filters that are made of others by `&`, `|`, `^` and `~`."""
    return st.recursive(
        atoms,
        lambda inner: (
            st.tuples(inner, inner).map(lambda two: two[0] & two[1])
            | st.tuples(inner, inner).map(lambda two: two[0] | two[1])
            | st.tuples(inner, inner).map(lambda two: two[0] ^ two[1])
            | inner.map(lambda one: ~one)
        ),
        max_leaves=6,
    )


@given(combined(ATOMS))
def test_filters_of_the_kind_are_exact(filter_: filters.BaseFilter) -> None:
    """However they are combined, the library takes just these kinds."""
    handler = message_handler(filter_)
    assert kinds_of(handler) == taken(handler)


@given(combined(ATOMS | OTHERS))
def test_filters_are_never_too_narrow(filter_: filters.BaseFilter) -> None:
    """Whatever other filters say, no kind is left out that the library takes."""
    for handler in (
        message_handler(filter_),
        ext.CommandHandler("start", callback, filter_),
        ext.PrefixHandler("/", "start", callback, filter_),
    ):
        assert taken(handler) <= kinds_of(handler)
