"""answerInlineQuery, answerWebAppQuery, savePreparedInlineMessage, savePreparedKeyboardButton."""

from __future__ import annotations

import json
from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.inline import PREPARED_FOR, InlineQuery, Offer, Prepared
from astral_playground.telegram.keyboards import reply_button
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .answers import too_old
from .offers import offer_of
from .registry import method

ANSWER_WITHIN = 30.0  # s; not documented, how long Telegram keeps the query's update
MAX_RESULTS = 50
MAX_ID = 64  # bytes
MAX_CACHE = 86_400  # s
MAX_OFFSET = 64  # bytes
_TARGETS = {
    "allow_user_chats": "private", "allow_bot_chats": "bot", "allow_group_chats": "group",
    "allow_channel_chats": "channel",
}  # fmt: skip


def _result(params: Params) -> dict[str, Any]:
    if not params.has("result"):
        raise bad_request("Result isn't specified")
    try:
        found = json.loads(params.text("result"))
    except (ValueError, RecursionError):
        raise bad_request("Can't parse JSON encoded web view query results") from None
    if not isinstance(found, dict):
        raise bad_request("Inline query result must be an object")
    return found


def _button(params: Params) -> dict[str, Any] | None:
    button = params.json("button", "inline query results button")
    if button is None:
        if not params.has("switch_pm_text"):
            return None
        return {"text": params.text("switch_pm_text"), "start_parameter": params.text("switch_pm_parameter")}
    if not isinstance(button, dict):
        raise bad_request("Can't parse inline query results button: InlineQueryResultsButton must be an Object")
    if not isinstance(button.get("text"), str):
        raise bad_request("Can't parse inline query results button: Can't find field \"text\"")
    if not {"start_parameter", "web_app"} & button.keys():
        raise bad_request(
            "Can't parse inline query results button: InlineQueryResultsButton must have exactly one optional field"
        )
    return button


@method("answerInlineQuery")
def answer_inline_query(world: World, params: Params) -> bool:
    """What people may choose from; they see it until they type on."""
    button = _button(params)
    results = params.json("results", "inline query results")
    if results is not None and not isinstance(results, list):
        raise bad_request("Expected an Array of inline query results")
    if len(results or []) > MAX_RESULTS:
        raise bad_request("Too many inline query results specified")
    contents = {str(item["id"]): offer for item in results or [] if (offer := offer_of(world, item))}
    if len(contents) < len(results or []):
        raise bad_request("RESULT_ID_DUPLICATE")
    if any(not 0 < len(name.encode()) <= MAX_ID for name in contents):
        raise bad_request("RESULT_ID_INVALID")
    if len(params.text("next_offset").encode()) > MAX_OFFSET:
        raise bad_request("NEXT_OFFSET_INVALID")
    query = world.inline.queries.get(params.text("inline_query_id"))
    if query is None or query.answered or world.clock.time() - query.asked_at > ANSWER_WITHIN:
        raise too_old()
    query.results, query.contents, query.button = results or [], contents, button
    query.next_offset = params.text("next_offset")
    query.cache_time = params.integer("cache_time", 300, 0, MAX_CACHE)
    query.is_personal = params.flag("is_personal")
    _answered(world, query)
    return True


def _answered(world: World, query: InlineQuery) -> None:
    query.answered = True
    query.done.set()
    world.emit("inline", user_id=query.user_id, query_id=query.id, query=query.query, results=query.results)


@method("answerWebAppQuery")
def answer_web_app_query(world: World, params: Params) -> dict[str, Any]:
    """Send a message for the person who has the bot's web app open, into their chat with the bot."""
    offer = offer_of(world, _result(params))
    user_id = world.inline.web_apps.pop(params.text("web_app_query_id"), None)
    if user_id is None:
        raise too_old()
    message = sent_through(world, user_id, offer)
    return {"inline_message_id": message.inline_message_id} if message.inline_message_id else {}


def sent_through(world: World, user_id: int, offer: Offer) -> Message:
    """A message of a person in their chat with the bot, sent through it."""
    user = world.users[user_id]
    content, facts = dict(offer.content), {"via_bot": world.bot.to_dict()}
    message = world.post(user, "user", content, markup=offer.markup, facts=facts)
    world.inline.name(message)
    return message


@method("savePreparedInlineMessage")
def save_prepared_inline_message(world: World, params: Params) -> dict[str, Any]:
    """A message that a person can send from the bot's web app, within a day."""
    user_id = params.integer("user_id", high=1 << 52)
    if not user_id:
        raise bad_request("Invalid user_id specified")
    result = _result(params)
    offer = offer_of(world, result)
    if user_id not in world.users:
        raise bad_request("USER_ID_INVALID")
    allowed = frozenset(name for flag, name in _TARGETS.items() if params.flag(flag))
    number = f"{len(world.inline.prepared) + 1:04d}playgroundprepared"
    expires = world.now + PREPARED_FOR
    world.inline.prepared[number] = Prepared(number, user_id, result, offer, expires, allowed)
    return {"id": number, "expiration_date": expires}


@method("savePreparedKeyboardButton")
def save_prepared_keyboard_button(world: World, params: Params) -> dict[str, Any]:
    """A button that a person can press in the bot's web app."""
    user_id = params.integer("user_id", high=1 << 52)
    if not user_id:
        raise bad_request("Invalid user_id specified")
    button = params.json("button", "keyboard button")
    if button is None:
        raise bad_request("Can't parse keyboard button JSON object")
    reply_button(button)
    if user_id not in world.users:
        raise bad_request("USER_ID_INVALID")
    return {"id": f"button{world.call_id():06d}"}
