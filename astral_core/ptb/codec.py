"""What handlers of python-telegram-bot put into `user_data`, `chat_data` and `bot_data`, as bytes.

MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) with extension types for what it does not have.
Nothing is run when it is read, as it would be with pickle.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import telegram
from msgspec.msgpack import Ext
from telegram import Bot, TelegramObject

from astral_core.errors import NotKept

_bot: ContextVar[Bot | None] = ContextVar("astral_ptb_bot", default=None)
_PLAIN = (type(None), bool, float, bytes)
_DEEPEST = 100
_UNREADABLE = (
    msgspec.MsgspecError, LookupError, TypeError, ArithmeticError, ImportError, AttributeError, RecursionError,
)  # fmt: skip


def encode(value: Any, bot: Bot | None = None) -> bytes:
    """`value` as bytes; two that are equal and of the same types give the same. NotKept names the part that is not.

    Order counts in dicts, as it does for who reads them, and not in sets. The token of `bot`, which stands in the
    addresses of files, is left out.
    """
    token = _bot.set(bot)
    try:
        return _encoder.encode(_plain(value, "", 0))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:  # such as half a surrogate pair
        raise NotKept(f"it holds what has no form on disk ({error})") from error
    finally:
        _bot.reset(token)


def decode(data: bytes, bot: Bot | None = None) -> Any:
    """What `encode` was given, anew. Telegram's objects in it belong to `bot`. ValueError for other bytes."""
    token = _bot.set(bot)
    try:
        return _restored(_decoder.decode(data))
    except _UNREADABLE as error:
        raise ValueError(f"this was not written by astral_core.ptb.codec ({type(error).__name__})") from error
    finally:
        _bot.reset(token)


# --- to bytes


def _plain(value: Any, where: str, depth: int) -> Any:
    """`value` as what MessagePack has; `where` is the way to it, for who reads the error."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind in _PLAIN:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else Ext(_INT, str(value).encode())
    if depth > _DEEPEST:
        raise NotKept(f"{where or 'it'} is nested too deeply, or holds itself")
    if kind is list:
        return [_plain(one, f"{where}[{number}]", depth + 1) for number, one in enumerate(value)]
    if kind is dict:
        return _plain_dict(value, where, depth)
    if kind is tuple:
        return _nested(_TUPLE, [_plain(one, f"{where}[{number}]", depth + 1) for number, one in enumerate(value)])
    if kind in (set, frozenset):
        members = sorted(_encoder.encode(_plain(one, f"a member of {where or 'it'}", depth + 1)) for one in value)
        return _nested(_SET if kind is set else _FROZENSET, [msgspec.Raw(one) for one in members])
    return _special(value, where)


def _plain_dict(value: dict[Any, Any], where: str, depth: int) -> Any:
    """A dict with keys of text is one of MessagePack; any other is its pairs, since a key may be of any type."""
    parts = {key: _plain(one, f"{where}[{key!r}]", depth + 1) for key, one in value.items()}
    if all(type(key) is str for key in parts):
        return parts
    return _nested(_DICT, [[_plain(key, f"a key of {where or 'it'}", depth + 1), one] for key, one in parts.items()])


def _nested(code: int, value: Any) -> Ext:
    return Ext(code, _encoder.encode(value))


def _special(value: Any, where: str) -> Ext:
    kind = type(value)
    for code, (type_, write, _) in _SCALARS.items():
        if kind is type_:
            return Ext(code, write(value).encode())
    if isinstance(value, Enum) and "<" not in kind.__qualname__:
        shown = value.value if isinstance(value, Flag) else value.name
        return Ext(_ENUM, f"{kind.__module__}:{kind.__qualname__}:{shown}".encode())
    if isinstance(value, TelegramObject) and getattr(telegram, kind.__name__, None) is kind and kind is not Bot:
        return _telegram(value, where)
    raise NotKept(f"{where or 'it'} is a {kind.__module__}.{kind.__qualname__}, which cannot be kept")


def _text(text: str) -> Any:
    """A text, without the bot's token."""
    bot = _bot.get()
    if bot is not None and bot.token in text:
        return Ext(_SECRET, text.replace(bot.token, _HOLE).encode())
    return text


def _telegram(value: TelegramObject, where: str) -> Ext:
    """One of Telegram's objects, as the Bot API writes it. The library's JSON leaves out what is empty."""
    kind = type(value)
    try:
        body = value.to_dict(recursive=True)
        again = kind.de_json(body, None)
        same = again is not None and again.to_dict(recursive=True) == body and type(again) is kind
        text = json.dumps(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        same, text = False, ""
    if not same:
        raise NotKept(f"{where or 'it'} is a {kind.__name__} that its own JSON does not give again")
    bot = _bot.get()
    return Ext(_TELEGRAM, f"{kind.__name__}:{text.replace(bot.token, _HOLE) if bot is not None else text}".encode())


# --- from bytes


def _restored(value: Any) -> Any:
    """Lists and dicts of MessagePack, with what stands in them restored."""
    if isinstance(value, list):
        return [_restored(one) for one in value]
    if isinstance(value, dict):
        return {key: _restored(one) for key, one in value.items()}
    if isinstance(value, Ext):
        return _from_ext(value.code, bytes(value.data))
    return value


def _from_ext(code: int, data: bytes) -> Any:
    if code in _SCALARS:
        return _SCALARS[code][2](data.decode())
    if code == _ENUM:
        return _enum(data.decode())
    if code == _TELEGRAM:
        name, _, body = _with_token(data.decode()).partition(":")
        return getattr(telegram, name).de_json(json.loads(body), _bot.get())
    if code == _SECRET:
        return _with_token(data.decode())
    parts = _restored(_decoder.decode(data))
    if code == _DICT:
        return {key: one for key, one in parts}  # noqa: C416  # pairs are lists, which dict() takes as well
    return {_TUPLE: tuple, _SET: set, _FROZENSET: frozenset}[code](parts)


def _with_token(text: str) -> str:
    bot = _bot.get()
    return text.replace(_HOLE, bot.token) if bot is not None else text


def _enum(text: str) -> Enum:
    module, qualname, name = text.split(":")
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Enum)):
        raise TypeError(f"{qualname} is no Enum")
    return found(int(name)) if issubclass(found, Flag) else found[name]


def _zoned(moment: datetime | time) -> str:
    """A time with its fold and the name of its zone, where it has them: an offset alone would forget summer time."""
    zone = moment.tzinfo
    name = zone.key if isinstance(zone, ZoneInfo) else ""
    wall = moment.replace(tzinfo=None, fold=0) if name else moment.replace(fold=0)
    return f"{wall.isoformat()}|{moment.fold}|{name}" if name or moment.fold else wall.isoformat()


def _unzoned(kind: type[datetime | time], text: str) -> datetime | time:
    wall, *more = text.split("|")
    moment = kind.fromisoformat(wall)
    if not more:
        return moment
    fold, name = more
    return moment.replace(tzinfo=ZoneInfo(name) if name else moment.tzinfo, fold=int(fold))


def _seconds(span: timedelta) -> str:
    return f"{span.days}:{span.seconds}:{span.microseconds}"


def _span(text: str) -> timedelta:
    return timedelta(*(int(part) for part in text.split(":")))


_INT, _TUPLE, _SET, _FROZENSET, _DICT, _ENUM, _TELEGRAM, _SECRET = 1, 2, 3, 4, 5, 6, 7, 8
_HOLE = "{the bot's token}"
_SCALARS: dict[int, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    _INT: (int, str, int),
    10: (datetime, _zoned, partial(_unzoned, datetime)),
    11: (date, date.isoformat, date.fromisoformat),
    12: (time, _zoned, partial(_unzoned, time)),
    13: (timedelta, _seconds, _span),
    14: (Decimal, str, Decimal),
    15: (UUID, str, UUID),
    16: (complex, repr, complex),
}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()
