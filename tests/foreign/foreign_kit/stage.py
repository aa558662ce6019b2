"""A foreign bot on a stage of its own: emulated people who act, and what one waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astral_playground.telegram import EmulatedUser, Message, TelegramEmulator, actions, membership
from astral_playground.telegram.groups import Group, Kind
from foreign_kit.programs import printed

_WITHIN = 20.0  # s
_SHOWN = 8


@dataclass
class Stage:
    """One bot that runs; `updates` are all that the emulator made for it, as it sent them."""

    tg: TelegramEmulator
    framework: str
    mode: str
    log: Path
    updates: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self._seen: set[int] = set()
        self.tg.world.listen(self._note)

    def _note(self, name: str, data: dict[str, Any]) -> None:
        if name == "update" and data["update"].update_id not in self._seen:
            self._seen.add(data["update"].update_id)
            self.updates.append(data["update"].to_dict())
        self._changed.set()

    def person(self, first_name: str = "Anna", **fields: Any) -> EmulatedUser:
        """Somebody who has not written to the bot yet."""
        return self.tg.user(first_name, **fields)

    async def known(self, first_name: str = "Anna", **fields: Any) -> EmulatedUser:
        """Somebody whom the bot has greeted."""
        someone = self.person(first_name, **fields)
        await someone.send("/start")
        await self.reads(someone.id, f"Hello, {first_name}!")
        return someone

    async def group(
        self, creator: EmulatedUser, *, kind: Kind = "supergroup", forum: bool = False, admin: bool = False,
        people: Sequence[EmulatedUser] = (),
    ) -> Group:  # fmt: skip
        """A chat of `creator` with the bot, which is an administrator if told, and with `people`."""
        world, title = self.tg.world, f"Group of {creator.user.first_name}"
        group = membership.add_group(world, title, creator.user, kind=kind, forum=forum)
        for person in people:
            membership.join(world, group, person.id)
        if kind != "channel":
            membership.join(world, group, world.bot.id, creator.id)
            await self.reads(group.id, "I am member here")
        if admin or kind == "channel":
            membership.promote(world, group, world.bot.id, creator.id)
            await self.reads(group.id, "I am administrator here")
        return group

    def say(self, person: EmulatedUser, group: Group, text: str, **where: Any) -> Message:
        """Somebody writes in a group; `where` are thread and reply_to."""
        return actions.send_text(self.tg.world, person.user, text, room=group, **where)[0]

    def of_bot(self, chat_id: int) -> list[Message]:
        """The bot's messages in a chat."""
        return [one for one in self.tg.world.messages[chat_id].values() if one.sender == "bot"]

    async def reads(self, chat_id: int, text: str, *, more: Callable[[Message], bool] | None = None) -> Message:
        """Wait until a message of the bot says exactly `text` in this chat, and fits `more`."""
        found: list[Message] = []

        def there() -> bool:
            found[:] = [one for one in self.of_bot(chat_id) if one.text == text and (more is None or more(one))]
            return bool(found)

        await self.until(there, f"{text!r} in {chat_id}")
        return found[-1]

    async def until(self, condition: Callable[[], bool], what: str = "a condition") -> None:
        """Wait until `condition` holds; it is asked whenever something happens."""
        try:
            async with asyncio.timeout(_WITHIN):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} after {_WITHIN:g} s.\n{self.story()}") from None

    def story(self) -> str:
        """The last updates and calls, and what the bot printed."""
        world = self.tg.world
        updates = [f"  {one.type} {one.summary} {one.state}" for one in list(world.updates.history)[-_SHOWN:]]
        calls = [
            f"  {call.method} {call.params} -> {'ok' if call.ok else call.description}"
            for call in list(world.calls)[-_SHOWN:]
        ]
        return "\n".join(["updates:", *updates, "calls:", *calls, "printed:", printed(self.log)])
