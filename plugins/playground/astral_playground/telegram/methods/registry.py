"""The table of Bot API methods. Names are case-insensitive, as at Telegram."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

Handler = Callable[[World, Params], Any | Awaitable[Any]]


@dataclass(slots=True, frozen=True)
class Method:
    """A method's name as documented, and what it does."""

    name: str
    run: Handler


H = TypeVar("H", bound=Handler)
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[H], H]:
    """Enter a function as the Bot API method `name`."""

    def enter(handler: H) -> H:
        METHODS[name.lower()] = Method(name, handler)
        return handler

    return enter
