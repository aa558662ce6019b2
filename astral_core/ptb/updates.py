"""The kinds of update that a handler of python-telegram-bot can take, so that Telegram is asked for no others.

There is a rule for each `check_update` of the library. A rule may name a kind too many, but never one too few.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from telegram import Chat, Message, Update
from telegram.ext import (
    BaseHandler,
    BusinessConnectionHandler,
    BusinessMessagesDeletedHandler,
    CallbackQueryHandler,
    ChatBoostHandler,
    ChatJoinRequestHandler,
    ChatMemberHandler,
    ChosenInlineResultHandler,
    CommandHandler,
    ConversationHandler,
    InlineQueryHandler,
    ManagedBotUpdatedHandler,
    MessageHandler,
    MessageReactionHandler,
    PaidMediaPurchasedHandler,
    PollAnswerHandler,
    PollHandler,
    PreCheckoutQueryHandler,
    PrefixHandler,
    ShippingQueryHandler,
    StringCommandHandler,
    StringRegexHandler,
    filters,
)

from astral_core.botapi.table import table, update_kinds

_MERGED = type(filters.ALL & filters.ALL)  # the library's classes of filters that are made of others
_INVERTED = type(~filters.ALL)
_XOR = type(filters.ALL ^ filters.ALL)
_STANDARD = (filters.BaseFilter.check_update, filters.MessageFilter.check_update, filters.UpdateFilter.check_update)


class _Accepts(NamedTuple):
    """The kinds of which a filter accepts some updates, and those of which it accepts every one."""

    some: frozenset[str]
    every: frozenset[str]


def kinds_of(handler: BaseHandler[Any, Any, Any]) -> frozenset[str]:
    """The kinds of update that `handler` can take, as `allowed_updates` names them.

    Every kind, if this module does not know how the handler chooses: for a TypeHandler, and for a class that has a
    `check_update` of its own.
    """
    rule = _RULES.get(getattr(handler.check_update, "__func__", None))
    return rule(handler) if rule is not None else frozenset(update_kinds())


@cache
def _messages() -> dict[str, Update]:
    """The kinds whose object is a message, as far as the library knows them, with an update of each."""
    message: Any = Message(1, datetime.fromtimestamp(1, UTC), Chat(1, Chat.PRIVATE))
    kinds = [kind for kind, field in table().types["Update"].items() if field.type == "Message"]
    return {kind: Update(1, **{kind: message}) for kind in kinds if hasattr(Update, kind)}


def _accepts(filter_: Any) -> _Accepts:
    """What a filter accepts; it is asked itself only if nothing but the kind counts for it."""
    shape, messages = type(filter_), frozenset(_messages())
    if getattr(filter_.check_update, "__func__", None) not in _STANDARD:
        return _Accepts(frozenset(update_kinds()), frozenset())
    if shape is _MERGED:
        return _merged(filter_)
    if shape is _INVERTED:
        inner = _accepts(filter_.inv_filter)
        return _Accepts(messages - inner.every, messages - inner.some)
    if shape is _XOR:
        return _accepts(filter_.merged_filter)
    if shape is type(filters.ALL) or _is_update_type(filter_):
        kinds = frozenset(kind for kind, update in _messages().items() if filter_.check_update(update))
        return _Accepts(kinds, kinds)
    return _Accepts(messages, frozenset())


def _merged(filter_: Any) -> _Accepts:
    """`one & other` or `one | other`; the library asks for a message first, whatever the two look at."""
    messages, one = frozenset(_messages()), _accepts(filter_.base_filter)
    if filter_.and_filter:
        other = _accepts(filter_.and_filter)
        return _Accepts(one.some & other.some & messages, one.every & other.every)
    other = _accepts(filter_.or_filter)
    return _Accepts((one.some | other.some) & messages, one.every | other.every)


def _is_update_type(filter_: object) -> bool:
    return any(filter_ is one for one in vars(filters.UpdateType).values())


def _only(*kinds: str) -> Callable[[Any], frozenset[str]]:
    found = frozenset(kinds)
    return lambda _: found


def _message(handler: Any) -> frozenset[str]:
    return _accepts(handler.filters).some


def _command(handler: Any) -> frozenset[str]:
    """The filter is asked about updates with a message: a press of a button, too, has one."""
    return _accepts(handler.filters).some & {*_messages(), "callback_query"}


def _chat_member(handler: Any) -> frozenset[str]:
    if handler.chat_member_types == ChatMemberHandler.ANY_CHAT_MEMBER:
        return frozenset({"my_chat_member", "chat_member"})
    others = handler.chat_member_types == ChatMemberHandler.CHAT_MEMBER
    return frozenset({"chat_member" if others else "my_chat_member"})


def _chat_boost(handler: Any) -> frozenset[str]:
    kinds = {ChatBoostHandler.CHAT_BOOST: "chat_boost", ChatBoostHandler.REMOVED_CHAT_BOOST: "removed_chat_boost"}
    only = kinds.get(handler.chat_boost_types)
    return frozenset({only} if only is not None else kinds.values())


def _reaction(handler: Any) -> frozenset[str]:
    kinds = {
        MessageReactionHandler.MESSAGE_REACTION_UPDATED: "message_reaction",
        MessageReactionHandler.MESSAGE_REACTION_COUNT_UPDATED: "message_reaction_count",
    }
    only = kinds.get(handler.message_reaction_types)
    return frozenset({only} if only is not None else kinds.values())


def _conversation(handler: Any) -> frozenset[str]:
    """All that its handlers take, except posts of channels; only presses of buttons if it goes by the message."""
    states = [one for handlers in handler.states.values() for one in handlers]
    found = {kind for one in (*handler.entry_points, *states, *handler.fallbacks) for kind in kinds_of(one)}
    if handler.per_message:
        return frozenset(found & {"callback_query"})
    return frozenset(found - {"channel_post", "edited_channel_post"})


_RULES: dict[Any, Callable[[Any], frozenset[str]]] = {
    BusinessConnectionHandler.check_update: _only("business_connection"),
    BusinessMessagesDeletedHandler.check_update: _only("deleted_business_messages"),
    CallbackQueryHandler.check_update: _only("callback_query"),
    ChatBoostHandler.check_update: _chat_boost,
    ChatJoinRequestHandler.check_update: _only("chat_join_request"),
    ChatMemberHandler.check_update: _chat_member,
    ChosenInlineResultHandler.check_update: _only("chosen_inline_result"),
    CommandHandler.check_update: _command,
    ConversationHandler.check_update: _conversation,
    InlineQueryHandler.check_update: _only("inline_query"),
    ManagedBotUpdatedHandler.check_update: _only("managed_bot"),
    MessageHandler.check_update: _message,
    MessageReactionHandler.check_update: _reaction,
    PaidMediaPurchasedHandler.check_update: _only("purchased_paid_media"),
    PollAnswerHandler.check_update: _only("poll_answer"),
    PollHandler.check_update: _only("poll"),
    PreCheckoutQueryHandler.check_update: _only("pre_checkout_query"),
    PrefixHandler.check_update: _command,
    ShippingQueryHandler.check_update: _only("shipping_query"),
    StringCommandHandler.check_update: _only(),  # texts that a program puts into its own queue
    StringRegexHandler.check_update: _only(),
}
