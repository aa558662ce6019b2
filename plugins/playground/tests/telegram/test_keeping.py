"""The world as bytes: what people and the bot did comes back, and what is damaged changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram import TelegramEmulator, World, actions, views
from astral_playground.telegram.groups import Group
from astral_playground.telegram.keeping import APART, FLEETING, NAMES, VERSION, KeptError, keep, restore
from astral_playground.telegram.membership import add_group, join
from astral_playground.telegram.params import Upload
from astral_playground.telegram.records import Invoice, Payment


def shown(world: World) -> Any:
    """What a page sees of it."""
    state = views.state_view(world)
    return {name: state[name] for name in ("users", "chats", "updates", "traces")}


def test_every_attribute_of_the_world_is_kept_or_known_to_be_fleeting() -> None:
    """Whoever adds one decides what becomes of it."""
    assert set(vars(World())) == NAMES | FLEETING | APART


def test_chats_groups_files_and_counters_go_on(png: Callable[[int, int], bytes]) -> None:
    """The page sees the same; the next numbers are those that follow; the bot downloads the same files."""
    world = World()
    anna = world.add_user("Anna", stars=7)
    group = add_group(world, "Quiz", anna, forum=True)
    join(world, group, world.bot.id, anna.id)
    actions.send_text(world, anna, "hello")
    actions.send_text(world, anna, "in the group", room=group)
    sent, _ = actions.send_file(world, anna, "photo", Upload(png(10, 10), "a.png", "image/png"), "look")
    world.bot.commands[("default", "")] = [{"command": "start", "description": "Menu"}]
    world.journal.trace({"update_id": 1, "error": "AAAA-BBBB"})
    world.journal.fail("AAAA-BBBB", {"text": "RuntimeError: x"})
    again = World()
    restore(again, keep(world))
    assert shown(again) == shown(world)
    assert again.bot.commands == world.bot.commands
    assert isinstance(again.groups[group.id], Group)
    file_id = sent.content["photo"][0]["file_id"]
    assert again.files.by_id(file_id) is not None
    assert [world_.add_user("Ben").id for world_ in (world, again)] == [anna.id + 1] * 2
    after = [actions.send_text(one, one.users[anna.id], "on") for one in (world, again)]
    assert len({message.message_id for message, _ in after}) == 1
    assert len({update.update_id for _, update in after if update is not None}) == 1
    assert len(again.updates.pending) == len(world.updates.pending)


def test_an_invoice_and_its_payment_are_one_again() -> None:
    """A second payment of it counts in both."""
    world = World()
    anna = world.add_user("Anna")
    invoice = Invoice("Star", "", "p", "XTR", 1)
    world.post(anna, "bot", {"invoice": {}}, invoice=invoice)
    link = Invoice("Link", "", "q", "XTR", 1, slug="abc")
    world.invoices["abc"] = link
    world.payments = {"1": Payment("1", "", anna.id, invoice, 0), "2": Payment("2", "", anna.id, link, 0)}
    again = World()
    restore(again, keep(world))
    (message,) = again.messages[anna.id].values()
    assert again.payments["1"].invoice is message.invoice
    assert again.payments["2"].invoice is again.invoices["abc"]


@given(st.binary(max_size=200))
def test_what_cannot_be_read_changes_nothing(data: bytes) -> None:
    """Neither noise nor another version, nor a file that was cut off."""
    world = World()
    world.add_user("Anna")
    whole = keep(world)
    other = msgspec.msgpack.encode({**msgspec.msgpack.decode(whole), "version": VERSION + 1})
    before = shown(world)
    for damaged in (data, whole[: len(data)], other):
        with pytest.raises(KeptError):
            restore(world, damaged)
        assert shown(world) == before


async def test_only_the_playground_can_start_afresh(tg: TelegramEmulator) -> None:
    """An emulator alone says so."""
    async with aiohttp.ClientSession() as client, client.post(f"{tg.url}/api/afresh", json={}) as answer:
        assert answer.status == 409
        assert "only the playground" in (await answer.json())["error"]
