"""Which calls of the Bot API the flood limits look at, and what each of them costs."""

from __future__ import annotations

import json

from .errors import too_many_requests
from .groups import Group
from .limits import Cost
from .params import Params
from .state import World

_SINGLE = frozenset({"copyMessage", "forwardMessage", "stopPoll", "stopMessageLiveLocation", "setGameScore"})
_MANY = {"sendMediaGroup": "media", "forwardMessages": "message_ids", "copyMessages": "message_ids"}
_FREE = frozenset({"sendChatAction", "sendChatJoinRequestWebApp", "sendMessageDraft", "sendRichMessageDraft"})


def cost_of(world: World, method: str, params: Params) -> Cost | None:
    """What a call sends or edits; None when the limits do not look at it."""
    if method in _FREE or not (method.startswith(("send", "editMessage")) or method in _SINGLE or method in _MANY):
        return None
    room = world.named(params.text("chat_id"))
    if room is None:
        return None
    group = isinstance(room, Group) and room.type != "channel"
    return Cost(room.id, group, _messages(method, params))


def _messages(method: str, params: Params) -> int:
    try:
        items = json.loads(params.text(_MANY[method])) if method in _MANY else None
    except (ValueError, RecursionError):
        return 1  # the method itself refuses it
    return max(1, len(items)) if isinstance(items, list) else 1


def check(world: World, method: str, params: Params) -> Cost | None:
    """The call's cost, to be counted once it went through; ApiError 429 when it comes too early."""
    cost = cost_of(world, method, params)
    if cost is not None:
        seconds = world.limits.retry_after(cost, world.clock.time())
        if seconds:
            raise too_many_requests(seconds)
    return cost
