"""answerCallbackQuery."""

from __future__ import annotations

from astral_playground.telegram.entities import utf16_length
from astral_playground.telegram.errors import ApiError, bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import CallbackQuery
from astral_playground.telegram.state import World

from .registry import method

ANSWER_WITHIN = 15.0  # s; not documented, what bots see
_MAX_TEXT = 200


def too_old() -> ApiError:
    """The answer to a query that waits no longer."""
    return bad_request("query is too old and response timeout expired or query ID is invalid")


async def expire(world: World, query: CallbackQuery) -> None:
    """Stop the button's spinner when the bot has not answered in time."""
    await world.clock.sleep(ANSWER_WITHIN)
    if not query.done.is_set():
        query.done.set()
        world.emit("answered", query=query, expired=True)


@method("answerCallbackQuery")
def answer_callback_query(world: World, params: Params) -> bool:
    """Stop a button's spinner, with a toast, an alert, or an address to open."""
    text = params.text("text")
    if utf16_length(text) > _MAX_TEXT:
        raise bad_request("MESSAGE_TOO_LONG")
    url = params.text("url")
    if url and not url.startswith((f"https://t.me/{world.bot.username}?", f"t.me/{world.bot.username}?")):
        raise bad_request("URL_INVALID")
    query = world.queries.get(params.text("callback_query_id"))
    if query is None or query.done.is_set() or world.clock.time() - query.asked_at > ANSWER_WITHIN:
        raise too_old()
    query.answered, query.text, query.alert, query.url = True, text, params.flag("show_alert"), url
    query.done.set()
    world.emit("answered", query=query, expired=False)
    if text:
        world.emit("toast", user_id=query.user_id, text=text, alert=query.alert, kind="callback")
    return True
