"""What the chat page sees of the world: plain JSON objects."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .contents import content_view, event_view
from .entities import spans
from .group_views import group_view
from .keyboard_views import inline_buttons, reply_keyboard
from .methods.receiving import webhook_info
from .records import Call, Invoice, Message, User
from .state import World
from .updates import Update

_SIMPLE_KINDS = ("location", "contact")
_SHOWN_CALLS = 50  # of an update; a broadcast after one command would otherwise be told again and again


def user_view(world: World, user: User) -> dict[str, Any]:
    """A person with the menu and the reply keyboard that they see."""
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "language_code": user.language_code,
        "premium": user.premium,
        "stars": user.stars,
        "blocked": user.blocked,
        "commands": world.bot.commands_for(user),
        "group_commands": world.bot.commands_in_groups(user.language_code),
        "admin_commands": world.bot.commands_in_groups(user.language_code, administrator=True),
        "reply_keyboard": reply_keyboard(user.reply_keyboard),
    }


def bot_view(world: World) -> dict[str, Any]:
    """The bot: up or down, webhook, menus, texts."""
    bot = world.bot
    mode = "webhook" if world.webhook.url else "polling" if world.poll.open or bot.up else "none"
    return {
        "id": bot.id,
        "username": bot.username,
        "first_name": bot.to_dict()["first_name"],
        "up": bot.up,
        "detail": bot.detail or world.journal.headline(),
        "trouble": world.journal.trouble,
        "stars": bot.stars,
        "privacy": bot.privacy,
        "inline": bot.inline,
        "mode": mode,
        "webhook": webhook_info(world),
        "name": bot.name,
        "description": bot.description,
        "short_description": bot.short_description,
        "commands": {
            language: menu
            for language in sorted({language for _, language in bot.commands})
            if (menu := bot.menu(language, "all_private_chats"))
        },
        "menu_button": bot.menu_buttons.get(0, {"type": "commands"}),
    }


def message_view(world: World, message: Message) -> dict[str, Any]:
    """A message, its text cut into spans."""
    content, raw = message.content, world.message_json(message)
    return {
        **content_view(world, message, raw),
        "message_id": message.message_id,
        "chat_id": message.chat_id,
        "from": message.sender,
        "date": message.date,
        "edited": len(message.history),
        "edit_date": message.edit_date,
        "spans": _spans(content),
        "photo": _photo(content),
        "document": _document(content),
        **{kind: content.get(kind) for kind in _SIMPLE_KINDS},
        "media_group_id": content.get("media_group_id"),
        "caption_above": bool(content.get("show_caption_above_media")),
        "reply_to": message.reply_to,
        "buttons": inline_buttons(message.markup),
        "invoice": None if message.invoice is None else _invoice(message.invoice),
        "service": _service(content, message, world, raw),
        "history": [
            {"date": old.date, "spans": _spans(old.content), "buttons": inline_buttons(old.markup)}
            for old in message.history
        ],
        "raw": raw,
    }


def _spans(content: dict[str, Any]) -> list[dict[str, Any]]:
    entities = content.get("entities") or content.get("caption_entities") or []
    return spans(content.get("text") or content.get("caption") or "", entities)


def _photo(content: dict[str, Any]) -> dict[str, Any] | None:
    if "photo" not in content:
        return None
    largest = content["photo"][-1]
    return {
        "url": f"/api/files/{largest['file_unique_id']}",
        "width": largest["width"],
        "height": largest["height"],
        "spoiler": bool(content.get("has_media_spoiler")),
    }


def _document(content: dict[str, Any]) -> dict[str, Any] | None:
    document = content.get("document")
    if document is None:
        return None
    return {
        "url": f"/api/files/{document['file_unique_id']}",
        "file_name": document["file_name"],
        "mime_type": document["mime_type"],
        "size": document["file_size"],
    }


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "title": invoice.title,
        "description": invoice.description,
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "photo": invoice.photo_url,
        "payload": invoice.payload,
        "paid": invoice.payments > 0,
        "state": invoice.state,
        "slug": invoice.slug,
    }


def _service(content: dict[str, Any], message: Message, world: World, raw: dict[str, Any]) -> dict[str, Any] | None:
    for field, kind in (("successful_payment", "payment"), ("refunded_payment", "refund")):
        paid = content.get(field)
        if paid is not None:
            known = world.payments.get(paid["telegram_payment_charge_id"])
            return {
                "kind": kind,
                "currency": paid["currency"],
                "total_amount": paid["total_amount"],
                "charge_id": paid["telegram_payment_charge_id"],
                "title": "" if known is None else known.invoice.title,
            }
    event = event_view(message, raw)
    return event or ({"kind": "other"} if message.sender == "service" else None)


def call_view(call: Call, *, whole: bool = True) -> dict[str, Any]:
    """A call; without parameters and result when not `whole`."""
    view = {name: getattr(call, name) for name in Call.__slots__}
    if not whole:
        del view["params"], view["result"]
    return view


def update_view(update: Update) -> dict[str, Any]:
    """An update's story."""
    return {
        "update_id": update.update_id,
        "type": update.type,
        "user_id": update.user_id,
        "chat_id": update.chat_id,
        "message_id": update.message_id,
        "date": int(update.created),
        "summary": update.summary,
        "state": update.state,
        "deliveries": [asdict(delivery) for delivery in update.deliveries],
        "calls": [call_view(call, whole=False) for call in update.calls[-_SHOWN_CALLS:]],
        "raw": update.to_dict(),
    }


def faults_view(world: World) -> dict[str, Any]:
    """Fault rules and switches."""
    return {"faults": [asdict(fault) for fault in world.faults.rules], "switches": world.switches.to_dict()}


def state_view(world: World) -> dict[str, Any]:
    """Everything, for a page that has just been opened."""
    return {
        "now": world.now,
        "bot": bot_view(world),
        "users": [user_view(world, user) for user in world.users.values()],
        "groups": [group_view(world, group) for group in world.groups.values()],
        "chats": {
            str(user_id): [message_view(world, message) for message in messages.values()]
            for user_id, messages in world.messages.items()
        },
        "updates": [update_view(update) for update in world.updates.history],
        "traces": list(world.journal.traces),
        "can_start_afresh": world.afresh is not None,
        **faults_view(world),
    }
