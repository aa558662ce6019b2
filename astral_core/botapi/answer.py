"""Reads what the Bot API answers, in one place. Every answer of another form comes from a server that is unwell.

The form is that of https://core.telegram.org/bots/api#making-requests: an object with `ok`, and with `result` or else
`description`, `error_code` and `parameters`. What kind of result a method has is in the table.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from astral_core.botapi.table import alternatives, table
from astral_core.errors import TelegramRefused, TelegramThrottled, TelegramUnavailable

LONGEST = 8 * 2**20  # bytes of an answer; a batch of updates that has more is asked for in smaller ones
REDIRECTED = "the server leads elsewhere, and the bot does not follow. Fix: set telegram.api_url to the new address."
UPDATES = "getUpdates"
_DESCRIPTION = 1000  # characters
_NUMBER = 2**63
_MOMENT = 2**33  # seconds since 1970
_SUPERGROUP = 2**52  # ids have 52 bits at most
# Results of which the core believes more than their kind, and the members that it cannot do without.
_BELIEVED = {"getMe": ("id", "is_bot", "first_name"), "getWebhookInfo": ("url",), "getFile": ()}


class _Answer(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw()
    description: Any = None
    error_code: Any = None
    parameters: Any = None


_answers = msgspec.json.Decoder(_Answer)
_values = msgspec.json.Decoder()
_pieces = msgspec.json.Decoder(list[msgspec.Raw])
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_answer(method: str, status: int, body: bytes) -> Any:
    """The result of a call; getUpdates gives the JSON text of each update, so that one odd update spoils no other.

    Raises TelegramRefused (4xx), TelegramThrottled (429), or TelegramUnavailable for 5xx, a redirect, and all that is
    not of the documented form. The server may have done what was asked then, unless it says that it has not.
    """
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise TelegramUnavailable(method, REDIRECTED, status)
    try:
        answer = _answers.decode(body)
    except _UNREADABLE:
        raise TelegramUnavailable(method, "unreadable answer", status) from None
    is_success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if answer.ok and is_success:
        return _result(method, status, answer.result)
    code = _number(answer.error_code) or 0 if is_success else status
    if answer.ok or not HTTPStatus.BAD_REQUEST <= code < 600:
        raise TelegramUnavailable(method, "unreadable answer", status)
    raise _failure(method, code, answer)


def _result(method: str, status: int, raw: msgspec.Raw) -> Any:
    try:
        result = (_pieces if method == UPDATES else _values).decode(raw)
    except _UNREADABLE:
        raise TelegramUnavailable(method, "unreadable answer", status) from None
    kinds = kinds_of(method)
    if kinds and not any(_is_of(kind, result) for kind in kinds):
        what = f"the result is no {' or '.join(kinds)}"
    elif method in _BELIEVED and (where := _flaw(kinds[0], result, _BELIEVED[method])):
        what = f"{where} in the result is missing or has another form"
    else:
        return result
    raise TelegramUnavailable(method, f"unreadable answer: {what}", status)


def _failure(method: str, code: int, answer: _Answer) -> TelegramRefused | TelegramThrottled | TelegramUnavailable:
    description = answer.description[:_DESCRIPTION] if isinstance(answer.description, str) else ""
    parameters = answer.parameters if isinstance(answer.parameters, dict) else {}
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return TelegramThrottled(method, description, parameters.get("retry_after"))
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TelegramUnavailable(method, description, code)
    moved = _number(parameters.get("migrate_to_chat_id"))
    is_supergroup = moved is not None and -_SUPERGROUP < moved < 0
    return TelegramRefused(method, description, code, migrated_to=moved if is_supergroup else None)


def flaw(method: str, result: Any) -> str:
    """Where a result is not of the documented form, at any depth; empty if it is, or if the method is not known."""
    kinds = kinds_of(method)
    return _first(kinds, result) if kinds else ""


@cache
def kinds_of(method: str) -> tuple[str, ...]:
    """What a method may answer; nothing if the table does not know it."""
    found = table().method(method)
    return alternatives(found[1].returns) if found is not None else ()


def _is_of(kind: str, result: Any) -> bool:
    """Whether a result is of a kind. Methods that answer a Boolean answer true."""
    return result is True if kind == "Boolean" else not _misfit(kind, result)


def _misfit(kind: str, value: Any) -> bool:
    """Whether a value is certainly not of a type, as far as that is seen without looking into it."""
    match kind:
        case "Boolean" | "True":
            return not isinstance(value, bool)
        case "Integer":
            return _number(value) is None
        case "Float":
            return not isinstance(value, (int, float)) or isinstance(value, bool)
        case "String":
            return not isinstance(value, str)
    return not isinstance(value, list if kind.startswith("[") else dict)


def _first(kinds: tuple[str, ...], value: Any) -> str:
    """The first place where a value is of none of some types, as a path; empty if it is of one of them."""
    found = ""
    for kind in kinds:
        if not (found := _flaw(kind, value)):
            return ""
    return found


def _flaw(kind: str, value: Any, needed: tuple[str, ...] | None = None) -> str:
    """The same of one type. `needed` are the members that must be there, unless told all that are documented so."""
    if _misfit(kind, value):
        return kind
    if isinstance(value, list):
        inside = alternatives(kind[1:-1])
        return next((found for one in value if (found := _first(inside, one))), "")
    if not isinstance(value, dict):
        return ""
    if kind in table().unions:
        return _first(tuple(table().unions[kind]), value)
    members, required = _members(kind)
    for name in required if needed is None else needed:
        if name not in value:
            return f"{kind}.{name}"
    for name, one in value.items():
        if name in members and (found := _first(members[name], one)):
            return f"{kind}.{name}" if "." not in found else found
        if name.endswith("date") and isinstance(one, int) and not 0 <= one < _MOMENT:
            return f"{kind}.{name}"
    return ""


@cache
def _members(kind: str) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The types of the members of a type, and which of them are always there."""
    fields = table().types.get(kind, {})
    required = tuple(name for name, field in fields.items() if field.required)
    return {name: alternatives(field.type) for name, field in fields.items()}, required


def _number(value: Any) -> int | None:
    """A whole number that can be stored."""
    is_one = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _NUMBER
    return value if is_one else None
