"""Links that open the bot: `t.me/<bot>?start=<parameter>`.

The parameter is `<plugin>-<name>-<value>-...`, of a pattern without a name `<plugin>-<value>-...`: A-Z a-z 0-9 _ and
-, 64 characters at most (https://core.telegram.org/bots/features#deep-linking). In a value `_` escapes what may not
be there as it is; the last value keeps its `-`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

from astral_core.declare import PRIVATE, Call, ChatKind, Flood, Route
from astral_core.errors import CallbackDataError, DeclarationError
from astral_core.kinds.base import (
    PEOPLE,
    Claims,
    Incoming,
    Kind,
    Match,
    Owner,
    RegisteredHandler,
    check_chat,
    registered,
)
from astral_core.kinds.codec import TYPES, arguments_of
from astral_core.kinds.command import is_bare_start

P = ParamSpec("P")
LIMIT = 64
_ESCAPES = {"_": "__", "-": "_m", ".": "_p"}
_ESCAPED = {code: character for character, code in _ESCAPES.items()}
_CODE = re.compile(r"_[_mp]")
# The widest value of each type in a link. In a slug `_` and `.` need two characters: one with many of them may be
# refused when the link is made.
_WIDTHS = {"int": 21, **{f"int({width})": width + 1 for width in range(1, 20)}, "slug": 24, "uuid": 44}


class LinkCall(Call):
    """What a deep link does when somebody opens it."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class DeepLink(Route[P]):
    """`/start <plugin>-<name>-<value>...`: what a link to the bot leads to. `pattern` as that of a button."""

    pattern: str = ""
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> LinkCall:
        """The link with these arguments."""
        return LinkCall(self, self.arguments(args, kwargs))


@dataclass(frozen=True)
class LinkCodec:
    """Builds and reads the parameter of one link; `key` is `<plugin>-<name>`."""

    key: str
    arguments: tuple[tuple[str, str], ...]

    def build(self, values: Mapping[str, Any]) -> str:
        """The parameter. CallbackDataError if a value is none of its type."""
        if values.keys() != {name for name, _ in self.arguments}:
            names = ", ".join(name for name, _ in self.arguments)
            raise CallbackDataError(f"link {self.key!r} takes ({names}), got {dict(values)!r}")
        texts = [TYPES[kind].encode(values[name]) for name, kind in self.arguments]
        last = texts[-1:]
        found = "-".join(
            (self.key, *(_escaped(text) for text in texts[:-1]), *(_escaped(text, "-") for text in last))
        )
        if len(found) > LIMIT:
            raise CallbackDataError(f"the link {found!r} has {len(found)} characters, Telegram allows {LIMIT}")
        return found

    def parse(self, rest: str) -> dict[str, Any]:
        """The typed arguments in what follows the key; CallbackDataError for what anybody may have written."""
        values = rest.split("-", len(self.arguments) - 1) if rest and self.arguments else [rest] if rest else []
        if len(values) != len(self.arguments):
            raise CallbackDataError(f"link {self.key!r}: wrong number of arguments")
        return {
            name: TYPES[kind].decode(_CODE.sub(lambda code: _ESCAPED[code[0]], text))
            for (name, kind), text in zip(self.arguments, values, strict=True)
        }


class DeepLinks(Kind):
    """Found by plugin and name. The core's links are `core-<command>`: that command, in its own way."""

    declares = DeepLink
    name, plural = "deep_link", "deep_links"
    updates = frozenset(("message",))
    always = True

    def add(self, plugin: Owner, declared: DeepLink[Any], claims: Claims) -> str | None:
        """Check the pattern and the widest link that it can make."""
        del claims
        what = f"deep link {declared.pattern!r}"
        nameless = declared.pattern.startswith("{")
        try:
            name, arguments = arguments_of(what, f"x/{declared.pattern}" if nameless else declared.pattern)
        except CallbackDataError as error:
            raise DeclarationError(plugin.id, f"{error}.") from error
        key = plugin.id if nameless else f"{plugin.id}-{_escaped(name)}"
        width = len(key) + sum(1 + _WIDTHS[kind] for _, kind in arguments)
        if width > LIMIT:
            raise DeclarationError(
                plugin.id, f"{what} may need {width} characters, Telegram allows {LIMIT}.",
                "give it a shorter name or fewer arguments.",
            )  # fmt: skip
        route = registered(
            plugin, declared, DeepLinks, declared.name, named=[name for name, _ in arguments], what=what,
            codec=LinkCodec(key, tuple(arguments)),
        )  # fmt: skip
        check_chat(plugin, what, declared.chat, PEOPLE)
        if key in self.routes:
            raise DeclarationError(plugin.id, f"two deep links are called {declared.name!r}.")
        others = [one for one, route in self.routes.items() if route.plugin == plugin.id]
        if others and (nameless or plugin.id in others):  # a value could look like the other one's name
            raise DeclarationError(plugin.id, f"has other links beside {what}.", "give each link a name.")
        self.routes[key] = route
        return key

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """The parameter, with the names of its arguments."""
        return "-".join((key, *(f"{{{name}:{kind}}}" for name, kind in route.codec.arguments)))

    def find(self, incoming: Incoming) -> Match | None:
        """The link that somebody opened: a /start with something behind it."""
        said = incoming.command()
        if said is None or said[0] != "start" or not said[1]:
            return None
        start, addressed = said[1].split()[0], said[2]
        plugin, _, rest = start.partition("-")
        if plugin == "core":
            found = incoming.command_named(rest.lower())
            return incoming.asked(found, addressed=addressed) if not is_bare_start(rest.lower(), found) else None
        name, _, values = rest.partition("-")
        route = self.routes.get(f"{plugin}-{name}")
        if route is None:
            route, values = self.routes.get(plugin), rest
        if route is None:
            return incoming.asked(incoming.away(plugin, start, start=start), addressed=addressed)
        try:
            arguments = route.codec.parse(values)
        except CallbackDataError:  # somebody wrote it by hand: then it is a plain /start
            return None
        return incoming.asked(incoming.here(route, start=start, kwargs=arguments, words=said[1]), addressed=addressed)


def _escaped(text: str, keep: str = "") -> str:
    return "".join(character if character in keep else _ESCAPES.get(character, character) for character in text)
