"""reply_markup: parsing and the server's checks, in Telegram's words."""

from __future__ import annotations

import json
from typing import Any

from .entities import checked_link
from .errors import ApiError, bad_request
from .params import Params

MAX_BUTTONS = 100
MAX_MARKUP_BYTES = 10 * 1024
MAX_CALLBACK_DATA = 64  # bytes
_STYLES = {"", "default", "primary", "danger", "success"}
_ACTIONS = (
    "url",
    "callback_data",
    "callback_game",
    "pay",
    "switch_inline_query",
    "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat",
    "login_url",
    "web_app",
    "copy_text",
)


def parse_markup(params: Params, *, invoice: bool = False) -> dict[str, Any] | None:
    """The checked reply_markup of a call, None when there is none; `invoice`: a pay button belongs first."""
    if not params.has("reply_markup"):
        return None
    return checked_markup(params.json("reply_markup", "reply keyboard markup"), invoice=invoice)


def checked_markup(markup: object, *, invoice: bool = False) -> dict[str, Any] | None:
    """The checked markup, None when it is of no kind; `invoice` as above."""
    if not isinstance(markup, dict):
        raise bad_request("Object expected as reply markup")
    if "inline_keyboard" in markup:
        rows = _rows(markup["inline_keyboard"], "inline_keyboard", " of the InlineKeyboardMarkup")
        return _checked_inline(rows, invoice=invoice)
    if "keyboard" in markup:
        return _reply_keyboard(markup)
    if markup.get("remove_keyboard") is True or markup.get("force_reply") is True:
        return markup
    return None


def parse_inline(params: Params, *, invoice: bool = False) -> dict[str, Any] | None:
    """As `parse_markup`, for calls that take inline keyboards only (edits and invoices)."""
    markup = parse_markup(params, invoice=invoice)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup


def _rows(value: object, field: str, owner: str = "") -> list[list[Any]]:
    if not isinstance(value, list) or any(not isinstance(row, list) for row in value):
        raise bad_request(f'Field "{field}"{owner} must be an Array of Arrays')
    return [row for row in value if row]


def _checked_inline(rows: list[list[Any]], *, invoice: bool) -> dict[str, Any]:
    checked = [[_inline_button(button) for button in row] for row in rows]
    flat = [button for row in checked for button in row]
    size = len(json.dumps(checked, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))
    if len(flat) > MAX_BUTTONS or size > MAX_MARKUP_BYTES:
        raise bad_request("Reply markup is too long")
    for place, button in enumerate(flat):
        if "pay" in button and not invoice:
            raise bad_request("BUTTON_TYPE_INVALID")
        if "pay" in button and place:
            raise bad_request("BUTTON_POS_INVALID")
    if invoice and flat and "pay" not in flat[0]:
        raise bad_request("REPLY_MARKUP_BUY_EMPTY")
    return {"inline_keyboard": checked}


def _broken(message: str) -> ApiError:
    return bad_request(f"Can't parse inline keyboard button: {message}")


def _text(button: dict[str, Any], field: str, fail: Any) -> str:
    value = button.get(field)
    if value is None:
        raise fail(f'Can\'t find field "{field}"')
    if not isinstance(value, str):
        raise fail(f'Field "{field}" must be of type String')
    return value


def _inline_button(button: object) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise _broken("InlineKeyboardButton must be an Object")
    text = _text(button, "text", _broken)
    if not text:  # a space is text to Telegram: calendars have such buttons
        raise _broken("Text must be non-empty")
    if str(button.get("style") or "").lower() not in _STYLES:
        raise _broken("invalid button style specified")
    actions = [name for name in _ACTIONS if button.get(name) not in (None, False) and _given(name, button[name])]
    if not actions:
        raise _broken("Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise _broken("InlineKeyboardButton must have exactly one optional field")
    _check_action(actions[0], button)
    return {name: value for name, value in button.items() if value is not None}


def _given(name: str, value: object) -> bool:
    """An empty url or callback_data counts as absent; an empty inline query is a query."""
    return value != "" or name.startswith("switch_inline")


def _check_action(action: str, button: dict[str, Any]) -> None:
    value = button[action]
    match action:
        case "callback_data":
            if len(_text(button, action, _broken).encode("utf-8")) > MAX_CALLBACK_DATA:
                raise bad_request("BUTTON_DATA_INVALID")
        case "url":
            url = _text(button, action, _broken)
            if checked_link(url) is None:
                raise bad_request(f"Inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        case "web_app" | "login_url":
            address = value.get("url") if isinstance(value, dict) else None
            if not isinstance(address, str) or not address.startswith("https://") or checked_link(address) is None:
                kind = "Web App" if action == "web_app" else "login"
                raise bad_request(
                    f"Inline keyboard button {kind} URL '{address}' is invalid: Only HTTPS links are allowed"
                )
        case "copy_text":
            copied = value.get("text") if isinstance(value, dict) else None
            if not isinstance(copied, str) or not 1 <= len(copied) <= 256:
                raise bad_request("BUTTON_COPY_TEXT_INVALID")
        case _:
            return


def _reply_keyboard(markup: dict[str, Any]) -> dict[str, Any]:
    rows = _rows(markup["keyboard"], "keyboard")
    checked = [[reply_button(button) for button in row] for row in rows]
    if sum(map(len, checked)) > 3 * MAX_BUTTONS:
        raise bad_request("Reply markup is too long")
    return {**markup, "keyboard": checked}


def reply_button(button: object) -> dict[str, Any]:
    """The checked KeyboardButton."""
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict):
        raise bad_request("Can't parse keyboard button: KeyboardButton must be a String or an Object")
    text = _text(button, "text", lambda message: bad_request(f"Can't parse keyboard button: {message}"))
    if not text:
        raise bad_request("Can't parse keyboard button: Text must be non-empty")
    return {name: value for name, value in button.items() if value not in (None, False)}
