"""A channel and its discussion group."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import PageError, actions
from astral_playground.telegram.administration import ban_member
from astral_playground.telegram.discussion import copy_of, link, unlink


@pytest.fixture
def linked(stage: Any) -> Any:
    """A channel and its group, in both of which the bot administers."""
    channel, group = stage.run_group("News", kind="channel"), stage.run_group("Talk")
    link(stage.world, channel, group, stage.owner)
    return channel, group


async def test_a_post_is_forwarded(stage: Any, linked: Any) -> None:
    """A person's post comes as a post, then as Telegram's forward in the group."""
    channel, group = linked
    post, _ = actions.send_text(stage.world, stage.owner, "It rains", room=channel)
    (first, posted), (second, copy) = stage.news()
    assert (first, posted["chat"]["id"], "from" in posted) == ("channel_post", channel.id, False)
    assert (second, copy["chat"]["id"], copy["from"]["id"]) == ("message", group.id, 777_000)
    assert (copy["sender_chat"]["id"], copy["is_automatic_forward"], copy["text"]) == (channel.id, True, "It rains")
    assert copy["forward_origin"] == {
        "type": "channel", "date": post.date, "chat": channel.chat(), "message_id": post.message_id,
    }  # fmt: skip
    assert (await stage.ok("getChat", chat_id=channel.id))["linked_chat_id"] == group.id
    assert (await stage.ok("getChat", chat_id=group.id))["linked_chat_id"] == channel.id
    assert (await stage.ok("getChat", chat_id=group.id))["pinned_message"]["message_id"] == copy["message_id"]


async def test_a_post_of_the_bot(stage: Any, linked: Any) -> None:
    """The bot hears of the forward only; an edit edits it, too."""
    channel, _ = linked
    sent = await stage.ok("sendMessage", chat_id=channel.id, text="It snows")
    assert [(kind, payload["text"]) for kind, payload in stage.news()] == [("message", "It snows")]
    await stage.ok("editMessageText", chat_id=channel.id, message_id=sent["message_id"], text="It hails")
    assert [(kind, payload["text"]) for kind, payload in stage.news()] == [("edited_message", "It hails")]


async def test_comments(stage: Any, linked: Any) -> None:
    """They are replies in the post's thread, of members and of anybody else; the bot answers in it."""
    channel, group = linked
    post, _ = actions.send_text(stage.world, stage.owner, "It rains", room=channel)
    thread = copy_of(stage.world, post).message_id
    cora = stage.world.add_user("Cora")
    for person in (stage.anna, cora):
        actions.send_text(stage.world, person, "Again", thread, room=group)
    comments = [payload for _, payload in stage.news()[2:]]
    assert {one["message_thread_id"] for one in comments} == {thread}
    assert all("is_topic_message" not in one and one["reply_to_message"]["is_automatic_forward"] for one in comments)
    reply = {"message_id": comments[0]["message_id"]}
    sent = await stage.ok("sendMessage", chat_id=group.id, text="Sorry", reply_parameters=reply)
    assert sent["message_thread_id"] == thread
    sent = await stage.ok("sendMessage", chat_id=group.id, text="Sorry", message_thread_id=thread)
    assert sent["message_thread_id"] == thread
    words = await stage.refused("sendMessage", chat_id=group.id, text="x", message_thread_id=999)
    assert words == "message thread not found"
    with pytest.raises(PageError, match="Cora is not in 'Talk'"):
        actions.send_text(stage.world, cora, "x", room=group)
    ban_member(stage.world, group, stage.owner, cora.id)
    with pytest.raises(PageError, match="Cora is not in 'Talk'"):
        actions.send_text(stage.world, cora, "x", thread, room=group)


async def test_privacy_mode(stage: Any) -> None:
    """A bot that is a plain member of the group does not hear of forwards."""
    channel, group = stage.run_group("News", kind="channel"), stage.bring_bot(stage.group("Talk"), admin=False)
    link(stage.world, channel, group, stage.owner)
    actions.send_text(stage.world, stage.owner, "It rains", room=channel)
    assert [kind for kind, _ in stage.news()] == ["channel_post"]


async def test_linking(stage: Any, linked: Any) -> None:
    """What cannot be linked says why; without a link nothing is forwarded."""
    channel, group = linked
    other = stage.group("Other")
    for act, words in (
        (lambda: link(stage.world, other, channel, stage.owner), "must be a channel and"),
        (lambda: link(stage.world, channel, other, stage.owner), "'News' is linked already"),
        (lambda: link(stage.world, stage.group("B", kind="channel"), other, stage.anna), "Anna may not change 'B'"),
    ):
        with pytest.raises(PageError, match=words):
            act()
    unlink(stage.world, channel)
    with pytest.raises(PageError, match="'News' has no discussion group"):
        unlink(stage.world, channel)
    post, _ = actions.send_text(stage.world, stage.owner, "It rains", room=channel)
    assert stage.world.messages[group.id] == {
        number: one for number, one in stage.world.messages[group.id].items() if one.sender == "service"
    }
    with pytest.raises(PageError, match="post 1 of 'News' has no comments"):
        copy_of(stage.world, post)
