"""One call of the Bot API: fault rules, the method, the answer, the record."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any

from . import flood
from .errors import ApiError, DroppedConnection
from .faults import Fault
from .methods import METHODS, Method, generic
from .params import Params
from .records import Call
from .state import World
from .updates import Update


async def call(world: World, name: str, params: Params, *, via: str = "http") -> Any:
    """The result of a method. Raises ApiError for an error answer and DroppedConnection for none at all."""
    method = METHODS.get(name.lower()) or generic.find(name)
    if method is None:
        raise ApiError(404, "Not Found: method not found")
    record = Call(world.call_id(), method.name, world.clock.time(), params.shown(), via)
    record.chat_id = _chat_id(world, params)
    update = _update_of(world, params, record.chat_id)
    started = time.perf_counter()
    try:
        record.result = await call_method(world, method, params, record.chat_id)
    except ApiError as error:
        record.error_code, record.description = error.code, error.description
        raise
    except DroppedConnection as dropped:
        record.description = str(dropped)
        raise
    else:
        record.ok = True
        return record.result
    finally:
        record.ms = round((time.perf_counter() - started) * 1000, 1)
        if method.name != "getUpdates":
            world.record(record, update)


async def call_method(world: World, method: Method, params: Params, chat_id: int | None) -> Any:
    """Run a method, unless a fault rule is in its way."""
    fault = world.faults.take(method.name, chat_id)
    if fault is not None:
        world.emit("faults")
        await _before(world, fault)
    params.check()
    cost = flood.check(world, method.name, params) if world.switches.flood_limits else None
    result = method.run(world, params)
    if inspect.isawaitable(result):
        result = await result
    if cost is not None:
        world.limits.count(cost, world.clock.time())
    if fault is not None and fault.kind == "timeout":
        await world.clock.sleep(fault.delay)
        raise DroppedConnection("accepted, then no answer: a fault rule")
    return result


async def _before(world: World, fault: Fault) -> None:
    error = fault.error()
    if error is not None:
        raise error
    if fault.kind == "slow":
        await world.clock.sleep(fault.delay)


def _chat_id(world: World, params: Params) -> int | None:
    """The chat that the call refers to, directly or by the query that it answers."""
    chat_id = params.text("chat_id") or params.text("user_id")
    if re.fullmatch(r"-?[0-9]{1,18}", chat_id):
        return int(chat_id)
    asked = (
        world.queries.get(params.text("callback_query_id")),
        world.checkouts.get(params.text("pre_checkout_query_id")),
        world.inline.queries.get(params.text("inline_query_id")),
    )
    return next((query.user_id for query in asked if query is not None), None)


def _update_of(world: World, params: Params, chat_id: int | None) -> Update | None:
    for name in ("callback_query_id", "pre_checkout_query_id", "inline_query_id"):
        if params.has(name):
            return world.updates.by_query(params.text(name))
    return None if chat_id is None else world.updates.latest_of(chat_id)
