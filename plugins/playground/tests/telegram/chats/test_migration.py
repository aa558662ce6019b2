"""A basic group becomes a supergroup."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, actions
from astral_playground.telegram.administration import rename
from astral_playground.telegram.membership import join
from astral_playground.telegram.migration import upgrade


async def test_an_upgrade(stage: Any) -> None:
    """Three updates, the same people in the new chat, and the old one refuses with where to go."""
    group = stage.run_group(kind="group")
    await stage.ok("setChatDescription", chat_id=group.id, description="Every Friday")
    new = upgrade(stage.world, group, stage.owner)
    (first, mine), (second, to), (third, since) = stage.news()
    assert (first, mine["chat"]["id"], mine["new_chat_member"]["status"]) == (
        "my_chat_member",
        new.id,
        "administrator",
    )
    assert (second, to["chat"]["id"], to["migrate_to_chat_id"]) == ("message", group.id, new.id)
    assert (third, since["chat"]["id"], since["migrate_from_chat_id"]) == ("message", new.id, group.id)
    assert (since["sender_chat"]["id"], since["chat"]["type"]) == (new.id, "supergroup")
    assert new.id < -1_000_000_000_000
    body = await stage.call("sendMessage", chat_id=group.id, text="x")
    assert body["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert body["parameters"] == {"migrate_to_chat_id": new.id}
    await stage.ok("sendMessage", chat_id=new.id, text="x")
    assert await stage.ok("getChatMemberCount", chat_id=new.id) == 4
    assert (await stage.ok("getChat", chat_id=new.id))["description"] == "Every Friday"
    assert (await stage.ok("getChat", chat_id=group.id))["type"] == "group"
    words = await stage.refused("getChatAdministrators", chat_id=group.id)
    assert words == "group chat was upgraded to a supergroup chat"


async def test_nobody_acts_in_the_old_group(stage: Any) -> None:
    """People are told where it went; the new one lives on without the bot, too."""
    group = stage.group(kind="group")
    new = upgrade(stage.world, group, stage.owner)
    assert stage.news() == []
    for act in (
        lambda: actions.send_text(stage.world, stage.anna, "x", room=group),
        lambda: rename(stage.world, group, stage.owner, "x"),
        lambda: join(stage.world, group, stage.world.add_user("Cora").id),
        lambda: upgrade(stage.world, group, stage.owner),
    ):
        with pytest.raises(PageError, match=f"has become the supergroup {new.id}"):
            act()
    actions.send_text(stage.world, stage.anna, "x", room=new)


async def test_wrong_upgrades(stage: Any) -> None:
    """Only the owner of a basic group can."""
    with pytest.raises(PageError, match="Anna does not own 'Quiz'"):
        upgrade(stage.world, stage.group(kind="group"), stage.anna)
    with pytest.raises(PageError, match="'Quiz' is a supergroup; only a basic group"):
        upgrade(stage.world, stage.group(), stage.owner)
