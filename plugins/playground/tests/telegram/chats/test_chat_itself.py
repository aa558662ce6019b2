"""Title, description, photo, pins, and what getChat says."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, actions, administration, pins
from astral_playground.telegram.params import Upload


async def test_title_and_description(stage: Any) -> None:
    """A new title makes a message, the same one none; a description none at all."""
    group = stage.run_group()
    await stage.ok("setChatTitle", chat_id=group.id, title="Quiz night")
    await stage.ok("setChatTitle", chat_id=group.id, title="Quiz night")
    await stage.ok("setChatDescription", chat_id=group.id, description="Every Friday")
    [(kind, payload)] = stage.news()
    assert (kind, payload["new_chat_title"], payload["from"]["id"]) == ("message", "Quiz night", stage.bot_id)
    found = await stage.ok("getChat", chat_id=group.id)
    assert (found["title"], found["description"]) == ("Quiz night", "Every Friday")
    assert await stage.refused("setChatTitle", chat_id=group.id, title=" ") == "title must be non-empty"
    words = await stage.refused("setChatDescription", chat_id=group.id, description="Every Friday")
    assert words == "chat description is not modified"


async def test_a_photo(stage: Any, png: Any) -> None:
    """Uploaded, shown, and taken away, each with its message."""
    group = stage.run_group()
    assert (await stage.upload("setChatPhoto", "photo", png(400, 400), chat_id=group.id))["ok"]
    photo = (await stage.ok("getChat", chat_id=group.id))["photo"]
    assert await stage.ok("getFile", file_id=photo["small_file_id"])
    await stage.ok("deleteChatPhoto", chat_id=group.id)
    (_, first), (_, second) = stage.news()
    assert first["new_chat_photo"][0]["width"] > 0
    assert second["delete_chat_photo"] is True
    assert "photo" not in await stage.ok("getChat", chat_id=group.id)
    assert await stage.refused("deleteChatPhoto", chat_id=group.id) == "CHAT_NOT_MODIFIED"
    assert await stage.refused("setChatPhoto", chat_id=group.id) == "there is no photo in the request"
    words = await stage.refused("setChatPhoto", chat_id=group.id, photo=photo["small_file_id"])
    assert words == "photo must be uploaded as an InputFile"


async def test_pins(stage: Any) -> None:
    """Pinned messages are told of, the newest is the chat's; they are unpinned one by one and all at once."""
    group = stage.run_group()
    ids = [(await stage.ok("sendMessage", chat_id=group.id, text=text))["message_id"] for text in "abc"]
    for number in (ids[1], ids[2], ids[0]):
        await stage.ok("pinChatMessage", chat_id=group.id, message_id=number)
    news = [payload for _, payload in stage.news()]
    assert [payload["pinned_message"]["text"] for payload in news] == ["b", "c", "a"]
    assert (await stage.ok("getChat", chat_id=group.id))["pinned_message"]["text"] == "c"
    assert await stage.refused("pinChatMessage", chat_id=group.id, message_id=ids[0]) == "CHAT_NOT_MODIFIED"
    await stage.ok("unpinChatMessage", chat_id=group.id)
    assert (await stage.ok("getChat", chat_id=group.id))["pinned_message"]["text"] == "b"
    await stage.ok("unpinChatMessage", chat_id=group.id, message_id=ids[1])
    assert await stage.refused("unpinChatMessage", chat_id=group.id, message_id=ids[1]) == "CHAT_NOT_MODIFIED"
    await stage.ok("unpinAllChatMessages", chat_id=group.id)
    assert "pinned_message" not in await stage.ok("getChat", chat_id=group.id)
    assert await stage.refused("unpinChatMessage", chat_id=group.id) == "message to unpin not found"
    assert await stage.refused("pinChatMessage", chat_id=group.id, message_id=999) == "message to pin not found"
    service = news[0]["message_id"]
    words = await stage.refused("pinChatMessage", chat_id=group.id, message_id=service)
    assert words == "service messages can't be pinned"


async def test_pins_of_topics(stage: Any) -> None:
    """A topic's pins are unpinned without the others."""
    group = stage.run_group(forum=True)
    topic = (await stage.ok("createForumTopic", chat_id=group.id, name="Rules"))["message_thread_id"]
    numbers = []
    for where in ({}, {"message_thread_id": topic}):
        sent = await stage.ok("sendMessage", chat_id=group.id, text="x", **where)
        await stage.ok("pinChatMessage", chat_id=group.id, message_id=sent["message_id"])
        numbers.append(sent["message_id"])
    assert stage.news()[-1][1]["message_thread_id"] == topic
    await stage.ok("unpinAllForumTopicMessages", chat_id=group.id, message_thread_id=topic)
    assert group.pinned == numbers[:1]
    await stage.ok("unpinAllGeneralForumTopicMessages", chat_id=group.id)
    assert group.pinned == []


async def test_pins_of_a_private_chat(stage: Any) -> None:
    """The bot pins there, too."""
    actions.send_text(stage.world, stage.anna, "hello")
    sent = await stage.ok("sendMessage", chat_id=stage.anna.id, text="x")
    await stage.ok("pinChatMessage", chat_id=stage.anna.id, message_id=sent["message_id"])
    assert (await stage.ok("getChat", chat_id=stage.anna.id))["pinned_message"]["message_id"] == sent["message_id"]
    assert stage.news()[-1][1]["pinned_message"]["text"] == "x"


async def test_pins_of_people(stage: Any) -> None:
    """Members pin where all may; a message that only tells of something, and one twice, are refused."""
    group = stage.run_group()
    message, _ = actions.send_text(stage.world, stage.anna, "read this", room=group)
    pins.pin_by(stage.world, group, stage.ben, message)
    told = pins.pinned(stage.world, group)
    assert told == [message]
    with pytest.raises(PageError, match="is pinned already"):
        pins.pin_by(stage.world, group, stage.ben, message)
    service = next(one for one in stage.world.messages[group.id].values() if one.sender == "service")
    with pytest.raises(PageError, match="only tells of something"):
        pins.pin_by(stage.world, group, stage.ben, service)
    pins.unpin_by(stage.world, group, stage.ben, message)
    with pytest.raises(PageError, match="is not pinned"):
        pins.unpin_by(stage.world, group, stage.ben, message)
    administration.set_permissions(stage.world, group, stage.owner, ["can_send_messages"])
    with pytest.raises(PageError, match="Ben may not do this in 'Quiz'; let its owner promote them with can_pin"):
        pins.pin_by(stage.world, group, stage.ben, message)


async def test_people_change_the_chat(stage: Any, png: Any) -> None:
    """Title and photo make messages from them; of a channel, posts of the channel."""
    for options, kind in (({}, "message"), ({"kind": "channel"}, "channel_post")):
        group = stage.run_group(**options)
        administration.rename(stage.world, group, stage.owner, "New name")
        administration.set_photo(stage.world, group, stage.owner, Upload(png(9, 9), "a.png", "image/png"))
        administration.set_photo(stage.world, group, stage.owner, None)
        administration.describe(stage.world, group, stage.owner, "About us")
        news = stage.news()
        assert [one for one, _ in news] == [kind] * 3
        assert [list(payload)[-1] for _, payload in news] == ["new_chat_title", "new_chat_photo", "delete_chat_photo"]
        assert (kind == "channel_post") == all("from" not in payload for _, payload in news)
        assert group.description == "About us"


async def test_wrong_changes(stage: Any) -> None:
    """Each says who may not, or what is wrong."""
    world, group, basic = stage.world, stage.group(), stage.group("Old", kind="group")
    channel = stage.group("News", kind="channel")
    group.permissions -= {"can_change_info"}
    for act, words in (
        (lambda: administration.rename(world, group, stage.anna, "x"), "Anna may not do this in 'Quiz'"),
        (lambda: administration.rename(world, group, stage.owner, " "), "1 to 128 characters"),
        (lambda: administration.describe(world, group, stage.owner, "x" * 256), "at most 255 characters"),
        (lambda: administration.set_photo(world, group, stage.owner, None), "'Quiz' has no photo"),
        (lambda: administration.set_photo(world, group, stage.owner, Upload(b"x", "x", "")), "the photo of 'Quiz'"),
        (
            lambda: administration.set_permissions(world, group, stage.owner, ["can_fly"]),
            "'can_fly' is no permission",
        ),
        (lambda: administration.set_permissions(world, channel, stage.owner, []), "only administrators write there"),
        (lambda: administration.set_slow_mode(world, basic, stage.owner, 10), "'Old' is a basic group"),
        (lambda: administration.set_slow_mode(world, group, stage.owner, 7), "slow mode of a supergroup is one of"),
    ):
        with pytest.raises(PageError, match=words):
            act()


async def test_slow_mode(stage: Any) -> None:
    """It holds for members, and getChat tells of it."""
    group = stage.run_group()
    administration.set_slow_mode(stage.world, group, stage.owner, 30)
    assert (await stage.ok("getChat", chat_id=group.id))["slow_mode_delay"] == 30
    actions.send_text(stage.world, stage.anna, "1", room=group)
    with pytest.raises(PageError, match="slow mode: Anna may write again in 30 s"):
        actions.send_text(stage.world, stage.anna, "2", room=group)


async def test_get_chat(stage: Any) -> None:
    """Every kind of chat has the documented shape; a private chat of a person met in a group can be read."""
    for options in ({"kind": "group"}, {"forum": True}, {"kind": "channel", "username": "news_here"}):
        group = stage.run_group("Chat", **options)
        found = await stage.ok("getChat", chat_id=group.id)
        assert (found["type"], found["id"]) == (group.type, group.id)
        assert ("permissions" in found) == (group.type != "channel")
        members = await stage.ok("getChatAdministrators", chat_id=group.id)
        assert [one["status"] for one in members] == ["creator", "administrator"]
    assert (await stage.ok("getChat", chat_id=stage.anna.id))["type"] == "private"
    words = "Forbidden: bot can't initiate conversation with a user"
    assert await stage.refused("sendMessage", chat_id=stage.anna.id, text="x") == words
