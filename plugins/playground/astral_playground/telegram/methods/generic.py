"""Every other method of the Bot API: its parameters are checked, it is recorded, and its answer has the right shape.

Nothing happens in the world. The answer is made up from the table: every member that is required, the same each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from astral_core.botapi.table import Field, alternatives, table
from astral_core.botapi.table import Method as Declared
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .made_up import MadeUp
from .registry import Method

_NUMBER = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SIMPLE = frozenset({"Integer", "Float", "String", "Boolean", "True", "InputFile"})
# What the real server says when one of these is not given.
_ABSENT = {
    "chat_id": "Chat_id is empty", "user_id": "Invalid user_id specified", "name": "Sticker_set_name is empty",
    "message_ids": "Message identifiers are not specified", "message_id": "Message identifier is not specified",
    "sender_chat_id": "Sender_chat_id is empty", "permissions": "Can't parse permissions JSON object",
}  # fmt: skip


def find(name: str) -> Method | None:
    """A method of the table that has no state here; None for one that Telegram does not have either."""
    known = table().method(name)
    if known is None:
        return None
    spelling, declared = known
    return Method(spelling, lambda world, params: _answer(world, params, spelling, declared))


def _answer(world: World, params: Params, name: str, declared: Declared) -> Any:
    for field_name, field in declared.parameters.items():
        _check_parameter(params, field_name, field)
    _check_places(world, params, declared)
    kinds = alternatives(declared.returns)
    whole = "Boolean" if "Boolean" in kinds and params.has("inline_message_id") else kinds[0]
    return MadeUp(world, params, name).value(whole)


def _check_places(world: World, params: Params, declared: Declared) -> None:
    """The chat and the person must be there."""
    if params.has("chat_id") and "chat_id" in declared.parameters:
        world.chat_for_bot(params.text("chat_id"), write=False)
    known = params.integer("user_id", high=1 << 52) in world.users or params.text("user_id") == str(world.bot.id)
    if params.has("user_id") and "user_id" in declared.parameters and not known:
        raise bad_request("User not found")


def _check_parameter(params: Params, name: str, field: Field) -> None:
    if name in params.files:
        if "InputFile" not in field.type:
            raise bad_request(f'Parameter "{name}" must not be a file')
        return
    text = params.text(name)
    if not text:
        if field.required:
            raise bad_request(_ABSENT.get(name, f'Parameter "{name}" is required'))
        return
    kinds = alternatives(field.type)
    if any(kind in {"String", "InputFile"} for kind in kinds):
        return  # whatever it is, it is a text
    if kinds == ("Integer",) and not _NUMBER.match(text):
        raise bad_request(f"Invalid {name} specified" if name.endswith("_id") else f'Can\'t parse "{name}" as Number')
    if kinds == ("Float",) and not _FLOAT.match(text):
        raise bad_request(f'Can\'t parse "{name}" as Number')
    if not _SIMPLE.issuperset(kinds):
        _check_object(field.type, name, text)


def _check_object(type_: str, name: str, text: str) -> None:
    """A parameter that is JSON: an object or a list of them, with all that they need."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise bad_request(f"Can't parse {name} JSON object") from None
    problem = wrong(type_, value)
    if problem:
        raise bad_request(f"Can't parse {name}: {problem}")


def wrong(type_: str, value: Any) -> str:
    """What is wrong with a value of this type, in the words of Telegram's JSON parser; empty for nothing."""
    kinds = alternatives(type_)
    if len(kinds) > 1:
        problems = [wrong(kind, value) for kind in kinds]
        return "" if "" in problems else problems[0]
    if type_.startswith("["):
        if not isinstance(value, list):
            return f"expected an Array of {type_[1:-1]}"
        return next((problem for one in value if (problem := wrong(type_[1:-1], one))), "")
    if type_ in _SIMPLE:
        return _wrong_simple(type_, value)
    known = table()
    if type_ in known.unions:
        if isinstance(value, str) and type_ == "RichText":
            return ""
        if not isinstance(value, dict):
            return "expected an Object"
        return "" if any(not wrong(one, value) for one in known.unions[type_]) else f"wrong {type_} specified"
    if not isinstance(value, dict):
        return "expected an Object"
    return _wrong_members(known.types[type_], value)


def _wrong_members(declared: Mapping[str, Field], value: dict[str, Any]) -> str:
    for name, field in declared.items():
        given = value.get(name)
        if given is None:
            if field.required:
                return f'Can\'t find field "{name}"'
            continue
        if field.constant and given != field.constant:
            return f'Field "{name}" must be {field.constant}'
        problem = wrong(field.type, given)
        if problem:
            return problem
    return ""


def _wrong_simple(type_: str, value: Any) -> str:
    fits = {
        "Integer": isinstance(value, int) and not isinstance(value, bool),
        "Float": isinstance(value, int | float) and not isinstance(value, bool),
        "Boolean": isinstance(value, bool), "True": value is True,
    }.get(type_, isinstance(value, str))  # fmt: skip
    numeric = type_ in {"Integer", "Float"} and isinstance(value, str) and _FLOAT.fullmatch(value) is not None
    name = {"Integer": "Number", "Float": "Number", "True": "Boolean", "InputFile": "String"}.get(type_, type_)
    return "" if fits or numeric else f"a value must be of type {name}"
