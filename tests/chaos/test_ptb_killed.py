"""Three bots of python-telegram-bot in plugins, killed with -9 in the middle of their conversations.

Each kill is at a random place: at a passage of the core's code, or some milliseconds after the update went in. What
counts is the state: no conversation is lost, nothing is noted twice. What a handler sends by `reply_text` may come
twice after a crash, and never out of order.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from chaos_kit.scene import KILLED, Scene
from chaos_kit.traffic import FIRST_CHAT, FIRST_UPDATE, Posting

from astral_core.ptb.codec import decode
from astral_playground.testkit.process import BotProcess, until

BOTS = Path(__file__).parents[1] / "ptb/bots"
PASSAGES = ("ingest.committed", "worker.before_run", "worker.before_commit", "worker.committed")
KILLS = 10
Step = Callable[["Player"], dict[str, Any]]


@dataclass
class Player:
    """A person who talks to a bot that dies now and then."""

    scene: Scene
    random: random.Random
    replicas: Sequence[BotProcess]
    chat: int = FIRST_CHAT
    number: int = 0
    kills: int = 0
    passages: list[str] = field(default_factory=list)

    @property
    def person(self) -> dict[str, Any]:
        """Who writes."""
        return {"id": FIRST_CHAT, "is_bot": False, "first_name": "Anna"}

    @property
    def place(self) -> dict[str, Any]:
        """Where."""
        kind = (
            {"type": "supergroup", "title": "Stars"} if self.chat < 0 else {"type": "private", "first_name": "Anna"}
        )
        return {"id": self.chat, **kind}

    def message(self, text: str) -> dict[str, Any]:
        """A message, with its command marked."""
        found: dict[str, Any] = {
            "message_id": 100 + self.number, "date": int(time.time()), "from": self.person, "chat": self.place,
            "text": text,
        }  # fmt: skip
        if text.startswith("/"):
            found["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return {"message": found}

    def press(self, data: str) -> dict[str, Any]:
        """A press of a button."""
        under = {"message_id": 1, "date": int(time.time()), "chat": self.place, "text": "Buttons"}
        query = {"id": str(self.number), "from": self.person, "chat_instance": "1", "message": under, "data": data}
        return {"callback_query": query}

    async def do(self, step: Step, *, kill: bool) -> None:
        """Send one update, and let the process that gets it die if `kill`; then all of it is handled."""
        self.number += 1
        body = json.dumps({"update_id": FIRST_UPDATE + self.number, **step(self)}).encode()
        posting = Posting(FIRST_UPDATE + self.number, self.chat, "step", self.number, body, time.monotonic() + 600)
        if kill:
            await self._killed(await self._owner(), posting)
        await self.scene.deliver(posting, self.random.choice([one for one in self.replicas if one.alive]))
        for one in self.replicas:
            if not one.alive:
                await one.start()
        await self.scene.settle(60)

    async def _owner(self) -> BotProcess:
        """Who has the lane of the chat, and so will handle what comes; anybody where nobody has it."""
        if len(self.replicas) > 1:
            query = "SELECT r.port FROM core_lanes l JOIN core_replicas r ON r.id = l.owner WHERE l.lane = :chat"
            ports = [row.port for row in await self.scene.books.ask(query, chat=self.chat)]
            owners = [one for one in self.replicas if one.port in ports]
            if owners:
                return owners[0]
        return self.random.choice(self.replicas)

    async def _killed(self, victim: BotProcess, posting: Posting) -> None:
        passage = self.random.choice((*PASSAGES, "any"))
        self.kills += 1
        self.passages.append(passage)
        if passage == "any":
            posted = asyncio.create_task(self.scene.post(posting, victim))
            await asyncio.sleep(self.random.uniform(0, 0.03))
            await victim.kill()
            await posted
        else:
            await victim.stop()
            await victim.start(f"{passage}:kill")
            await self.scene.post(posting, victim)
            for _ in range(50):
                if victim.alive:
                    await asyncio.sleep(0.01)
            if victim.alive:  # another replica had the chat, and has handled it
                await victim.kill()
            assert await victim.ended() == KILLED
        if len(self.replicas) == 1:
            await victim.start()

    async def kept(self, store: str) -> dict[Any, Any]:
        """What is kept in a store."""
        rows = await self.scene.books.ask("SELECT item, value FROM core_ptb WHERE store = :store", store=store)
        return {decode(bytes(item)) if item else "": decode(bytes(value)) for item, value in rows}

    def said(self) -> list[str]:
        """What the chat was told, without what came twice in a row."""
        return [text for text, _ in groupby(self.scene.said() if self.chat > 0 else self.scene.api.texts(self.chat))]


async def play(player: Player, rounds: int, steps: Sequence[Step], kills: int = KILLS) -> None:
    """Do all steps again and again, and kill at `kills` random ones of them."""
    places = set(player.random.sample(range(rounds * len(steps)), kills))
    for place in range(rounds * len(steps)):
        await player.do(steps[place % len(steps)], kill=place in places)
    assert player.kills == kills


async def open_player(scene: Scene, bot: str, replicas: int, seed: int, chat: int = FIRST_CHAT) -> Player:
    """A bot that runs, and somebody to talk to it."""
    places = [scene.replica(BOTS / f"{bot}.py") for _ in range(replicas)]
    for one in places:
        await one.start()
    return Player(scene, random.Random(seed), places, chat)  # noqa: S311  # it draws accidents, not secrets


# --- the bots


def say(text: str) -> Step:
    """A step: somebody writes."""
    return lambda player: player.message(text)


def press(data: str) -> Step:
    """A step: somebody presses a button."""
    return lambda player: player.press(data)


async def expenses(player: Player, rounds: int = 4, kills: int = KILLS) -> None:
    """The bot of 130 lines: each round notes one expense."""
    steps = [say("/add"), say("7.50"), press("food"), say("bread"), press("yes")]
    await play(player, rounds, steps, kills)
    assert (await player.kept("user")) == {"expenses": [(7.5, "food", "bread")] * rounds}
    assert (await player.kept("bot"))["count"] == rounds
    assert await conversations(player) == 0
    asked = ["How much was it?", "What was it for?", "7.50 for food, bread. Right?"]
    assert player.said() == asked * rounds


async def conversation(player: Player, rounds: int = 5, kills: int = KILLS) -> None:
    """The published example: with /skip."""
    await play(player, rounds, [say("/start"), say("Girl"), say("/skip"), say("/skip"), say("An astronomer")], kills)
    assert await conversations(player) == 0
    words = ["Let us talk", "I see!", "You look", "You are careful", "Thank you!"]
    assert [text[:6] for text in player.said()] == [word[:6] for word in words] * rounds


async def conversations(player: Player) -> int:
    """How many conversations are open."""
    found = await player.scene.books.one("SELECT count(*) FROM core_ptb WHERE store LIKE 'conversation:%'")
    return int(found)


def comes(player: Player) -> dict[str, Any]:
    """Somebody joins the group."""
    who = {"id": 5000 + player.number, "is_bot": False, "first_name": f"N{player.number}"}
    changes = {
        "old_chat_member": {"user": who, "status": "left"},
        "new_chat_member": {"user": who, "status": "member"},
    }
    return {"chat_member": {"chat": player.place, "from": player.person, "date": int(time.time()), **changes}}


def reacts(player: Player) -> dict[str, Any]:
    """Somebody reacts to message 7."""
    new = [{"type": "emoji", "emoji": "👍"}]
    change = {"chat": player.place, "message_id": 7, "user": player.person, "date": int(time.time())}
    return {"message_reaction": {**change, "old_reaction": [], "new_reaction": new}}


async def group(player: Player, rounds: int = 5, kills: int = KILLS) -> None:
    """The bot for groups: who came, reactions, and a job that rings."""
    steps = [comes, reacts, say("/remind 0.1 tea"), reacts]
    await play(player, rounds, steps, kills)
    await until(lambda: player.said()[-1:] == ["Beep! tea"], 30, "the last job rings")
    await player.scene.settle()
    kept = await player.kept("chat")
    assert kept["scores"] == {7: 2 * rounds}
    assert len(kept["members"]) == rounds
    assert kept["rung"] == rounds
    assert (await player.kept("bot"))["updates"] == 4 * rounds
    beeps = [text for text in player.said() if text.startswith("Beep!")]
    assert len(beeps) == rounds


def bots() -> pytest.MarkDecorator:
    """All bots."""
    talks = [
        ("expenses", expenses, FIRST_CHAT), ("conversationbot", conversation, FIRST_CHAT), ("groupbot", group, -1001),
    ]  # fmt: skip
    return pytest.mark.parametrize(("bot", "talk", "chat"), [pytest.param(*one, id=one[0]) for one in talks])


@pytest.mark.rest
@bots()
async def test_a_bot_on_sqlite_loses_nothing(sqlite_scene: Scene, bot: str, talk: Any, chat: int) -> None:
    """Ten kills on SQLite."""
    await talk(await open_player(sqlite_scene, bot, 1, seed=17, chat=chat))


@pytest.mark.rest
@pytest.mark.postgres
@bots()
async def test_a_bot_on_two_replicas_loses_nothing(replicas_scene: Scene, bot: str, talk: Any, chat: int) -> None:
    """Ten kills of one of two replicas: the other one takes the conversation over."""
    await talk(await open_player(replicas_scene, bot, 2, seed=18, chat=chat))
