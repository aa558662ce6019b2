"""Objects of the Bot API made up from its table: all required members, the same each time."""

from __future__ import annotations

from typing import Any

from astral_core.botapi.table import Field, alternatives, table
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

# Members of which the table says the type only, and Telegram knows a few values.
_VALUES: dict[tuple[str, str], str | int] = {
    ("Chat", "type"): "private", ("ChatFullInfo", "type"): "private", ("Sticker", "type"): "regular",
    ("StickerSet", "sticker_type"): "regular", ("MessageEntity", "type"): "bold", ("Poll", "type"): "regular",
    ("InaccessibleMessage", "date"): 0,
}  # fmt: skip


class MadeUp:
    """Makes values for the answer to one call: its person and chat stand in them."""

    def __init__(self, world: World, params: Params, method: str) -> None:
        self._world = world
        self._params = params
        self._method = method

    def value(self, type_: str, name: str = "", inside: tuple[str, ...] = ()) -> Any:
        """A value of a type; `name` is the member that it is for, `inside` the types around it."""
        kind = alternatives(type_)[0]
        if kind.startswith("["):
            inner = kind[1:-1]
            return [] if inner.strip("[]") in inside else [self.value(inner, name, inside)]
        match kind:
            case "Integer":
                return self._number(name)
            case "Float":
                return 0.5
            case "Boolean" | "True":
                return True
            case "String" | "RichText":
                return self._text(name)
            case "MaybeInaccessibleMessage":
                return self.value("Message", name, inside)
            case "User":
                return self._user()
            case "Chat":
                return self._chat()
        known = table()
        if kind in known.unions:
            return self.value(known.unions[kind][0], name, inside)
        return self._object(kind, known.types[kind], inside)

    def _object(self, type_: str, declared: dict[str, Field], inside: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in declared.items():
            if not field.required:
                continue
            if field.constant:
                found[name] = field.constant
            elif (type_, name) in _VALUES:
                found[name] = _VALUES[type_, name]
            else:
                found[name] = self.value(field.type, name, (*inside, type_))
        return found

    def _user(self) -> dict[str, Any]:
        user = self._world.users.get(self._params.integer("user_id", high=1 << 52))
        return self._world.bot.to_dict() if user is None else user.to_dict()

    def _chat(self) -> dict[str, Any]:
        number = self._params.integer("chat_id", low=-(1 << 52), high=1 << 52)
        room = self._world.room(number) if number else None
        if room is None:
            return {"id": self._world.bot.id, "type": "private", "first_name": self._world.bot.first_name}
        return room.chat()

    def _number(self, name: str) -> int:
        if name == "date" or name.endswith("_date"):
            return self._world.now
        if name == "message_id":
            return self._params.integer("message_id") or 1
        return 1

    def _text(self, name: str) -> str:
        if self._params.has(name):
            return self._params.text(name)
        if name == "currency":
            return "XTR"
        if name.endswith(("url", "link")):
            return "https://example.org/"
        return name.replace("_", " ") or self._method
