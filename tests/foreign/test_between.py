"""Bots of other frameworks, and more than messages: albums, edits, reactions, polls, inline mode, invitations."""

from __future__ import annotations

import pytest
from foreign_kit.stage import Stage

from astral_playground.telegram import actions, acts_inline, acts_media, ballots, invitations, migration, reacting

pytestmark = [pytest.mark.rest, pytest.mark.asyncio(loop_scope="session")]
THREE_DAYS = 3 * 86_400.0  # s


async def test_an_album_of_a_person(stage: Stage, picture: bytes) -> None:
    """Each piece is a message of its own, and the framework knows that it stands in an album."""
    anna = await stage.known()
    pieces = [acts_media.Piece("photo", picture, "Two views"), acts_media.Piece("photo", picture)]
    sent = [message.message_id for message, _ in acts_media.send_album(stage.tg.world, anna.user, pieces)]
    await stage.until(lambda: {one.reply_to for one in stage.of_bot(anna.id)} >= set(sent), "answer to each piece")


async def test_an_edited_message(stage: Stage) -> None:
    """Who changes a message is answered by its new text."""
    anna = await stage.known()
    message = await anna.send("Tee")
    acts_media.edit(stage.tg.world, anna.user, message, "Tea")
    assert (await stage.reads(anna.id, "Changed to: Tea")).reply_to == message.message_id


async def test_a_button_of_an_old_message(stage: Stage) -> None:
    """Of a message that is too old the bot sees no more than that it was, and answers with a new one."""
    anna = await stage.known()
    await anna.send("/count")
    card = await anna.wait_for("Pressed 0 times")
    card.date -= int(THREE_DAYS)
    actions.press(stage.tg.world, anna.user, card, "count:0")
    await stage.reads(anna.id, "That message is too old.")
    assert anna.toasts == ["Too old"]
    assert card.text == "Pressed 0 times"


async def test_reactions_in_private(stage: Stage) -> None:
    """A reaction to the bot's message arrives, and the bot's own stands beside it."""
    anna = await stage.known("Anna")
    reacting.react(stage.tg.world, anna.user, anna.last, ["👍"])
    greeting = anna.last
    await stage.reads(anna.id, "Anna: 👍")
    bot = stage.tg.world.bot.id
    assert greeting.reactions[bot] == [{"type": "emoji", "emoji": "👀"}]


async def test_reactions_in_a_group(stage: Stage) -> None:
    """An administrator bot hears of reactions to what other people wrote."""
    anna, ben = stage.person("Anna"), stage.person("Ben")
    group = await stage.group(anna, admin=True, people=[ben])
    message = stage.say(anna, group, "Good morning")
    reacting.react(stage.tg.world, ben.user, message, ["🔥"])
    await stage.reads(group.id, "Ben: 🔥")
    assert stage.tg.world.bot.id in message.reactions


async def test_a_poll(stage: Stage) -> None:
    """Votes arrive as poll_answer, one that was taken back as an empty one, and stopPoll counts them."""
    anna, ben = await stage.known("Anna"), await stage.known("Ben")
    group = await stage.group(anna, people=[ben])
    stage.say(anna, group, "/poll")
    await stage.until(lambda: any("poll" in one.content for one in stage.of_bot(group.id)), "poll")
    poll = next(one for one in stage.of_bot(group.id) if "poll" in one.content)
    ballots.vote(stage.tg.world, anna.user, poll, ["Coffee"])
    await stage.reads(anna.id, "You chose Coffee")
    ballots.vote(stage.tg.world, ben.user, poll, ["Tea"])
    await stage.reads(ben.id, "You chose Tea")
    ballots.retract(stage.tg.world, ben.user, poll)
    await stage.reads(ben.id, "You took it back")
    stage.say(anna, group, "/endpoll")
    await stage.reads(group.id, "Votes: 1")


async def test_inline_mode(stage: Stage) -> None:
    """A query is answered, the chosen result is edited by its inline_message_id, and so it is when pressed."""
    world = stage.tg.world
    world.bot.inline_feedback = True
    anna, ben = await stage.known("Anna"), stage.person("Ben")
    asked, _ = acts_inline.inline_query(world, anna.user, "hooray", room=ben.user)
    await stage.until(asked.done.is_set, "answer to the query")
    assert asked.titles == ["Say hooray"]
    message, _ = acts_inline.choose(world, anna.user, asked, "Say hooray")
    await stage.until(lambda: message.text == "hooray! Chosen.", "edit of the chosen result")
    actions.press(world, ben.user, message, "again")
    await stage.until(lambda: message.text == "Once more!", "edit by a button")


async def test_a_topic_of_the_bot(stage: Stage) -> None:
    """The bot opens a topic and writes into it."""
    anna = stage.person()
    group = await stage.group(anna, forum=True, admin=True)
    stage.say(anna, group, "/topic Plans")
    message = await stage.reads(group.id, "Here is Plans")
    assert message.thread is not None
    assert group.topics[message.thread].name == "Plans"


async def test_an_invitation(stage: Stage) -> None:
    """By the bot's link somebody asks to join, and the bot lets them in."""
    anna, ben = stage.person("Anna"), stage.person("Ben")
    group = await stage.group(anna, admin=True)
    stage.say(anna, group, "/invite")
    await stage.until(lambda: any(one.by_request for one in group.invitations.values()), "invite link")
    link = next(one.link for one in group.invitations.values() if one.by_request)
    await stage.reads(group.id, link)
    invitations.join_by_link(stage.tg.world, ben.user, link)
    await stage.until(lambda: group.member(ben.id).present, "approval")
    await stage.reads(group.id, "Welcome, Ben!")


async def test_copies_and_forwards(stage: Stage) -> None:
    """A copy says nothing of whose it was, a forward does."""
    anna = stage.person("Anna")
    group = await stage.group(anna)
    told = stage.say(anna, group, "/add 40 2")
    await stage.reads(group.id, "42")
    stage.say(anna, group, "/copy", reply_to=told.message_id)
    await stage.until(lambda: sum(one.text == "/add 40 2" for one in stage.of_bot(group.id)) == 2, "copy and forward")
    copy, forward = (one for one in stage.of_bot(group.id) if one.text == "/add 40 2")
    assert "forward_origin" not in copy.facts
    assert forward.facts["forward_origin"]["sender_user"]["id"] == anna.id


async def test_a_group_becomes_a_supergroup(stage: Stage) -> None:
    """Who writes to the old group is told the number of the new one."""
    anna = await stage.known("Anna")
    group = await stage.group(anna, kind="group")
    new = migration.upgrade(stage.tg.world, group, anna.user)
    await anna.send(f"/tell {group.id} Hello")
    await anna.wait_for(f"400 moved to {new.id}")


async def test_contents_of_every_kind(stage: Stage) -> None:
    """Both Python frameworks read voice, video, sticker, die, venue, quote and forward of a person."""
    world, anna = stage.tg.world, await stage.known()
    for act in (acts_media.send_voice, acts_media.send_video, acts_media.send_video_note, acts_media.send_animation,
                acts_media.send_audio, acts_media.send_dice):  # fmt: skip
        act(world, anna.user)
    acts_media.send_venue(world, anna.user, 52.5, 13.4, "Museum", "Island 1")
    acts_media.send_poll(world, anna.user, "Which?", ["One", "Two"])
    acts_media.reply(world, anna.user, anna.last, "Hello to you", quote="Hello")
    acts_media.forward(world, anna.user, anna.last)
    await anna.send("/add 1 1")
    await anna.wait_for("2")
