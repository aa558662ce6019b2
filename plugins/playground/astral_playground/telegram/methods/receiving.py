"""getUpdates, setWebhook, deleteWebhook, getWebhookInfo."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from astral_playground.telegram.errors import ApiError, bad_request, too_many_requests
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import Webhook, World
from astral_playground.telegram.updates import Delivery, Update

from .registry import method

MAX_CONNECTIONS = 100
DEFAULT_CONNECTIONS = 40
_LONG_POLL = 50  # s; the longest that Telegram waits
_SET_EVERY = 1.0  # s between two setWebhook
_SECRET = re.compile(r"[A-Za-z0-9_-]*")
_MAX_SECRET = 256
_MAX_PORT = 65_535


def _conflict(message: str) -> ApiError:
    return ApiError(409, f"Conflict: {message}")


def _allowed(world: World, params: Params) -> bool:
    """Take allowed_updates when they are given; did they change?"""
    value = params.json("allowed_updates", "allowed_updates")
    if not isinstance(value, list):
        return False
    kinds = [str(kind).lower() for kind in value]
    changed = (kinds or None) != world.updates.allowed
    world.updates.allowed = kinds or None
    return changed


@method("getUpdates")
async def get_updates(world: World, params: Params) -> list[dict[str, Any]]:
    """Pending updates from `offset` on, which confirms the earlier ones; waits up to `timeout` seconds."""
    if world.webhook.url:
        raise _conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
        )
    offset = params.integer("offset", low=-(1 << 31))
    limit = params.integer("limit", 100, 1, 100)
    timeout = params.integer("timeout", 0, 0, _LONG_POLL)
    _allowed(world, params)
    world.poll.interrupt(
        _conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
    )
    world.set_bot_up(up=True)
    _confirm(world, offset)
    if not world.updates.pending and timeout:
        await world.poll.wait(world.clock, world.updates, timeout)
        if world.webhook.url:
            raise _conflict("terminated by setWebhook request")
    world.updates.expire()
    chosen = [update for update in world.updates.pending.values() if update.update_id >= offset][:limit]
    for update in chosen:
        _fetched(world, update)
    return [update.to_dict() for update in chosen]


def _confirm(world: World, offset: int) -> None:
    pending = list(world.updates.pending.values())
    keep_from = pending[offset].update_id if offset < 0 and -offset <= len(pending) else offset
    for update in pending:
        if update.update_id < keep_from:
            world.updates.forget(update, "delivered")


def _fetched(world: World, update: Update) -> None:
    now = world.clock.time()
    update.deliveries.append(Delivery(now, 0, round((now - update.created) * 1000, 1)))
    world.updates.changed(update, "delivering")


@method("setWebhook")
def set_webhook(world: World, params: Params) -> bool:
    """Have updates sent to `url`; an empty one takes the webhook away."""
    url = params.text("url")
    if not url:
        return delete_webhook(world, params)
    now = world.clock.time()
    if now < world.next_set_webhook:
        raise too_many_requests(1)
    world.next_set_webhook = now + _SET_EVERY
    hook = Webhook(
        url=_checked_url(url),
        secret_token=params.text("secret_token"),
        max_connections=params.integer("max_connections", DEFAULT_CONNECTIONS, 1, MAX_CONNECTIONS),
        ip_address=params.text("ip_address"),
    )
    if len(hook.secret_token) > _MAX_SECRET:
        raise bad_request("Secret token is too long")
    if not _SECRET.fullmatch(hook.secret_token):
        raise bad_request("Secret token contains unallowed characters")
    _allowed(world, params)
    if params.flag("drop_pending_updates"):
        world.updates.drop_all()
    old = world.webhook
    same = (old.url, old.secret_token, old.max_connections, old.ip_address) == (
        hook.url,
        hook.secret_token,
        hook.max_connections,
        hook.ip_address,
    )
    if not same:
        world.webhook = hook
        world.poll.interrupt(_conflict("terminated by setWebhook request"))
        world.emit("webhook")
        world.emit("bot")
    world.set_bot_up(up=True)
    return True


def _checked_url(url: str) -> str:
    """The emulator is a local server: it takes http and any port, and loopback addresses only."""
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad_request("Invalid webhook URL specified") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or (port or 1) > _MAX_PORT:
        raise bad_request("Invalid webhook URL specified")
    if parts.hostname not in {"localhost", "::1"} and not re.fullmatch(r"127(\.\d{1,3}){3}", parts.hostname):
        raise bad_request("Bad webhook: the playground delivers to this machine only (127.0.0.1, ::1, localhost)")
    return url


@method("deleteWebhook")
def delete_webhook(world: World, params: Params) -> bool:
    """Take the webhook away; updates wait for getUpdates."""
    if params.flag("drop_pending_updates"):
        world.updates.drop_all()
    if world.webhook.url:
        world.webhook = Webhook()
        world.emit("webhook")
        world.emit("bot")
    return True


@method("getWebhookInfo")
def get_webhook_info(world: World, _params: Params) -> dict[str, Any]:
    """The state of the webhook and its last error."""
    return webhook_info(world)


def webhook_info(world: World) -> dict[str, Any]:
    """The Bot API's WebhookInfo."""
    hook = world.webhook
    info: dict[str, Any] = {
        "url": hook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(world.updates.pending),
    }
    if hook.url:
        info["max_connections"] = hook.max_connections
        info["ip_address"] = hook.ip_address or "127.0.0.1"
    if hook.last_error_date:
        info["last_error_date"] = hook.last_error_date
        info["last_error_message"] = hook.last_error_message
    if world.updates.allowed:
        info["allowed_updates"] = world.updates.allowed
    return info
