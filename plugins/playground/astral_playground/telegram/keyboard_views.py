"""What the chat page sees of keyboards: below the chat, and under messages."""

from __future__ import annotations

from typing import Any

# What pressing a button of a reply keyboard does instead of sending its text.
_REQUESTS = {
    "request_location": "location", "request_contact": "contact", "request_users": "users", "request_chat": "chat",
    "request_poll": "poll", "web_app": "web_app",
}  # fmt: skip


def reply_keyboard(markup: dict[str, Any] | None) -> dict[str, Any] | None:
    """The keyboard below a chat, None where the bot has set none."""
    if markup is None:
        return None
    return {
        "buttons": [[_reply_button(button) for button in row] for row in markup["keyboard"]],
        "resize": bool(markup.get("resize_keyboard")),
        "one_time": bool(markup.get("one_time_keyboard")),
        "persistent": bool(markup.get("is_persistent")),
        "placeholder": str(markup.get("input_field_placeholder") or ""),
        "message_id": markup["message_id"],
    }


def _reply_button(button: dict[str, Any]) -> dict[str, Any]:
    kind = next((kind for field, kind in _REQUESTS.items() if button.get(field) not in (None, False)), "text")
    view: dict[str, Any] = {"text": button["text"], "kind": kind}
    if kind in ("users", "chat"):
        wanted = button[f"request_{kind}"]
        view |= {"request_id": wanted["request_id"], "most": wanted.get("max_quantity", 1)}
        view["channel"] = bool(wanted.get("chat_is_channel"))
    return view


def inline_buttons(markup: dict[str, Any] | None) -> list[list[dict[str, Any]]]:
    """The buttons under a message, each with its kind and what the page needs to act."""
    return [[_button(button) for button in row] for row in (markup or {}).get("inline_keyboard", [])]


def _button(button: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = {"text": button["text"]}
    match button:
        case {"callback_data": data}:
            return {**view, "kind": "callback", "data": data}
        case {"url": url}:
            return {**view, "kind": "url", "url": url}
        case {"pay": _}:
            return {**view, "kind": "pay"}
        case {"web_app": {"url": url}}:
            return {**view, "kind": "web_app", "url": url}
        case {"copy_text": {"text": copied}}:
            return {**view, "kind": "copy", "copy_text": copied}
        case {"switch_inline_query_current_chat": query}:
            return {**view, "kind": "inline_here", "query": query}
        case {"switch_inline_query": query} | {"switch_inline_query_chosen_chat": {"query": query}}:
            return {**view, "kind": "inline", "query": query}
        case {"switch_inline_query_chosen_chat": _}:
            return {**view, "kind": "inline", "query": ""}
        case _:
            return {**view, "kind": "other"}
