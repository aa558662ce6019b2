"""What the types of aiogram and python-telegram-bot say to an answer or an update: is it what it claims to be?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import aiogram.methods
import telegram
from aiogram.types import Update
from pydantic import BaseModel, TypeAdapter, ValidationError

from astral_core.botapi.table import table

# Telegram's server sends these old names beside new_chat_members and left_chat_member, undocumented (Client.cpp).
LEGACY = frozenset({"new_chat_member", "new_chat_participant", "left_chat_participant"})


def complaints(type_: Any, raw: Any) -> list[str]:
    """What aiogram's `type_` has against a JSON value: what is missing, wrong, unknown, or of another JSON type."""
    try:
        made = _adapter(type_).validate_python(raw)
    except ValidationError as error:
        problems = error.errors()
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}, not {one['input']!r:.120}" for one in problems]
    return list(_compare(made, raw, "answer"))


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


def _compare(made: Any, raw: Any, path: str) -> Iterator[str]:
    if isinstance(made, BaseModel) and isinstance(raw, dict):
        names = {known.alias or name: name for name, known in type(made).model_fields.items()}
        for key, value in raw.items():
            if key in names:
                yield from _compare(getattr(made, names[key]), value, f"{path}.{key}")
            elif key not in LEGACY:
                yield f"{path}.{key}: {type(made).__name__} has no such member"
    elif isinstance(made, list) and isinstance(raw, list):
        for number, (one, value) in enumerate(zip(made, raw, strict=True)):
            yield from _compare(one, value, f"{path}[{number}]")
    elif not _same(made, raw):
        yield f"{path}: {raw!r:.80} became {made!r:.80}"


def _same(made: Any, raw: Any) -> bool:
    """Whether a value was taken as it is: pydantic makes numbers of digits, and yes of 1."""
    if isinstance(made, (datetime, timedelta)):
        return type(raw) is int
    if isinstance(made, Enum):
        return bool(made.value == raw)
    if isinstance(made, float):
        return type(raw) in (int, float) and made == raw
    return type(made) is type(raw) and bool(made == raw)


def complaints_about_update(raw: dict[str, Any]) -> list[str]:
    """What both frameworks have against an update."""
    found = [f"aiogram: {one}" for one in complaints(Update, raw)]
    try:
        made = telegram.Update.de_json(raw, None)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        return [*found, f"python-telegram-bot: {type(error).__name__}: {error}"]
    return found + [f"python-telegram-bot: {one}" for one in unknown(made)]


def unknown(made: Any, path: str = "answer") -> Iterator[str]:
    """Members that python-telegram-bot's types do not know."""
    if isinstance(made, (list, tuple)):
        for number, one in enumerate(made):
            yield from unknown(one, f"{path}[{number}]")
    elif isinstance(made, telegram.TelegramObject):
        # What is newer than python-telegram-bot stands in our table, and in aiogram's types, which were asked, too.
        newer = set(table().types.get(type(made).__name__, ()))
        extra = sorted(set(made.api_kwargs) - LEGACY - newer)
        yield from (f"{path}.{name}: {type(made).__name__} has no such member" for name in extra)
        names = {name for base in type(made).__mro__ for name in getattr(base, "__slots__", ())}
        for name in sorted(name for name in names if not name.startswith("_") and name != "api_kwargs"):
            yield from unknown(getattr(made, name, None), f"{path}.{name}")


def returning(method: str) -> Any:
    """The type of a method's answer in aiogram; None where it does not know the method."""
    known = getattr(aiogram.methods, method[0].upper() + method[1:], None)
    return None if known is None else known.__returning__


def complaints_of_ptb(method: str, raw: Any) -> list[str]:
    """What python-telegram-bot has against the answer of its `method`, by the type that it promises to return."""
    annotation = getattr(telegram.Bot, method).__annotations__["return"]
    holder = type("Answer", (), {"__annotations__": {"answer": annotation}})  # parameters have types of PTB's inside
    promised = get_type_hints(holder, localns=vars(telegram))["answer"]
    several = get_origin(promised) is Union or isinstance(promised, UnionType)
    kinds = get_args(promised) if several else (promised,)
    problems = [list(_read(kind, raw)) for kind in kinds]
    return min(problems, key=len)


def _read(kind: Any, raw: Any) -> Iterator[str]:
    if get_origin(kind) is tuple:
        if not isinstance(raw, list):
            yield f"{raw!r:.80} is no list"
            return
        for one in raw:
            yield from _read(get_args(kind)[0], one)
    elif isinstance(kind, type) and issubclass(kind, telegram.TelegramObject):
        try:
            yield from unknown(kind.de_json(raw, None))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            yield f"{kind.__name__}: {type(error).__name__}: {error}"
    elif type(raw) is not kind:
        yield f"{raw!r:.80} is no {kind}"
