"""People and their helpers: a whole bot with this plugin alone, and an emulated Telegram with a forum group."""

import json

import pytest
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.group import Group

from astral_helpdesk import astral_health
from astral_helpdesk.tables import parts, topics

GROUP = -1001234567890
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)

# Each test runs on SQLite and on PostgreSQL.
pytestmark = [
    pytest.mark.usefixtures("database_url"),
    pytest.mark.astral(settings={"plugins": {"helpdesk": {"group": GROUP}}}),
]


@pytest.fixture
def olga(bot: BotKit) -> Chat:
    """A helper, who administers the group."""
    return bot.chat("Olga")


@pytest.fixture
def ben(bot: BotKit) -> Chat:
    """A helper."""
    return bot.chat("Ben")


@pytest.fixture
def helpers(bot: BotKit, olga: Chat, ben: Chat) -> Group:
    """The helpers' group; the bot administers it, since it makes topics."""
    return bot.group("Helpers", id=GROUP, admins=[olga], members=[ben], topics=["Tea"], bot="administrator")


async def test_each_person_has_a_topic_and_is_answered_in_private(
    bot: BotKit, helpers: Group, ben: Chat, chat: Chat
) -> None:
    """Two people, two topics; an answer goes to the one whose topic it is."""
    other = bot.chat("Клара", language_code="ru")
    await chat.send("My parcel is late")
    await other.send("Где мой заказ?")
    await chat.send("It is a big one")
    assert helpers.topics == ["General", "Tea", "Anna", "Клара"]
    assert helpers.topic("Anna").texts == ["My parcel is late", "It is a big one"]
    assert helpers.topic("Клара").texts == ["Где мой заказ?"]
    await helpers.send(ben, "It comes today", topic="Anna")
    assert chat.texts == ["Thank you! Our helpers have your message, and answer here.", "It comes today"]
    assert other.texts == ["Спасибо! Ваше сообщение у наших помощников, они ответят здесь."]


async def test_what_helpers_say_elsewhere_stays_there(helpers: Group, ben: Chat, chat: Chat) -> None:
    """General, another topic, and a message that is edited: nothing of it is copied."""
    await chat.send("Hello")
    answer = await helpers.send(ben, "Hi", topic="Anna")
    await helpers.send(ben, "What does she want?")
    await helpers.send(ben, "Who makes tea?", topic="Tea")
    await helpers.edit(ben, answer, "Hi!")
    assert chat.texts[1:] == ["Hi"]


async def test_photos_and_voices_go_both_ways(helpers: Group, ben: Chat, chat: Chat) -> None:
    """The copy is a message of the same kind, with its caption."""
    await chat.send_photo(PIXEL, caption="The box")
    await chat.send_voice()
    await helpers.send_photo(ben, PIXEL, caption="Like this?", topic="Anna")
    await helpers.seat(ben, topic="Anna").send_location(55.75, 37.62)
    anna = helpers.topic("Anna")
    assert [("photo" in one.content, "voice" in one.content) for one in anna.messages if one.sender == "bot"] == [
        (True, False), (False, True)
    ]  # fmt: skip
    assert anna.texts[0] == "The box"
    assert chat.texts[1] == "Like this?"
    assert "location" in chat.last.content


async def test_an_album_stays_an_album(bot: BotKit, helpers: Group, ben: Chat, chat: Chat) -> None:
    """Its parts come one by one, and are copied in one call; two people's albums do not mix."""
    await chat.send_album([PIXEL, PIXEL, PIXEL], caption="Three boxes")
    anna = helpers.topic("Anna")
    copies = [one for one in anna.messages if one.sender == "bot"]
    assert len({one.content["media_group_id"] for one in copies}) == 1
    assert anna.texts == ["Three boxes", "", ""]
    await helpers.send_album(ben, [PIXEL, PIXEL], topic="Anna")
    assert len([one for one in chat.messages if one.sender == "bot" and "photo" in one.content]) == 2
    assert [len(call.params["message_ids"]) for call in bot.calls("copyMessages")] == [3, 2]
    assert bot.calls("copyMessage") == []
    assert await bot.rows(parts) == []


async def test_a_note_is_not_copied(helpers: Group, olga: Chat, ben: Chat, chat: Chat) -> None:
    """Neither as a text nor under a picture, whoever writes it; the bot shows that it was seen."""
    await chat.send("Hello")
    note = await helpers.send(ben, "/note She has called before", topic="Anna")
    assert list(note.reactions.values()) == [[{"type": "emoji", "emoji": "✍"}]]
    await helpers.send_photo(ben, PIXEL, caption="/note this is her", topic="Anna")
    await helpers.promote(ben, anonymous=True)
    await helpers.send(ben, "/note and wrote", topic="Anna")
    assert len(chat.texts) == 1
    await helpers.send(ben, "Hello, Anna", topic="Anna")
    assert chat.last.text == "Hello, Anna"
    await helpers.send(olga, "/note milk", topic="Tea")
    assert helpers.topic("Tea").texts == ["Write this in the topic of a person."]


async def test_only_administrators_close_and_the_person_opens_again(
    bot: BotKit, helpers: Group, olga: Chat, ben: Chat, chat: Chat
) -> None:
    """A second /close does nothing; the next message opens the same topic."""
    await chat.send("Hello")
    anna = helpers.topic("Anna")
    await anna.send(ben, "/close")
    assert anna.last.text == "Only administrators of this group can do that."
    assert bot.calls("closeForumTopic") == []
    await anna.send(olga, "/close")
    await anna.send(olga, "/close")
    assert len(bot.calls("closeForumTopic")) == 1
    assert (await bot.rows(topics))[0].is_closed
    await chat.send("One more thing")
    assert not (await bot.rows(topics))[0].is_closed
    assert anna.last.text == "One more thing"
    assert helpers.topics == ["General", "Tea", "Anna"]


async def test_an_anonymous_administrator_may_close(bot: BotKit, helpers: Group, ben: Chat, chat: Chat) -> None:
    """The message names the group and no person, and only administrators can write so."""
    await chat.send("Hello")
    await helpers.promote(ben, anonymous=True)
    await helpers.send(ben, "/close", topic="Anna")
    assert len(bot.calls("closeForumTopic")) == 1
    assert len(chat.texts) == 1


async def test_a_topic_that_is_closed_by_hand_opens_again_too(
    bot: BotKit, helpers: Group, olga: Chat, chat: Chat
) -> None:
    """And one that is opened by hand is not opened twice, which Telegram would refuse."""
    await chat.send("Hello")
    await helpers.close_topic(olga, "Anna")
    await chat.send("One more thing")
    await helpers.send(olga, "/close", topic="Anna")
    await helpers.close_topic(olga, "Anna", closed=False)
    await chat.send("And another one")
    assert [call.error_code for call in bot.calls("reopenForumTopic")] == [0]
    assert helpers.topic("Anna").last.text == "And another one"


async def test_who_is_promoted_may_close_at_once(bot: BotKit, helpers: Group, ben: Chat, chat: Chat) -> None:
    """The bot does not go by what it knew before."""
    await chat.send("Hello")
    await helpers.send(ben, "/close", topic="Anna")
    await helpers.promote(ben)
    await bot.advance(60)
    await helpers.send(ben, "/close", topic="Anna")
    assert len(bot.calls("closeForumTopic")) == 1


async def test_a_group_of_others_is_not_the_helpers_one(bot: BotKit, helpers: Group, ben: Chat, chat: Chat) -> None:
    """Its topics have the same numbers, and its messages reach nobody."""
    await chat.send("Hello")
    other = bot.group("Others", admins=[ben], topics=["Anna"], bot="administrator")
    for _ in range(5):
        await other.send(ben, "Hi", topic="Anna")
    await other.send(ben, "/close", topic="Anna")
    assert other.topic("Anna").last.text == "Write this in the topic of a person."
    assert len(chat.texts) == 1
    assert helpers.topic("Anna").texts == ["Hello"]


async def test_a_busy_telegram_and_a_kill_lose_no_message(bot: BotKit, helpers: Group, chat: Chat) -> None:
    """The topic is made at the second try; what was not copied yet is after the start."""
    bot.telegram.fail("createForumTopic", "429")
    await chat.send("Hello")
    assert helpers.topic("Anna").texts == ["Hello"]
    await chat.user.send("Are you there?")
    await bot.crash()
    await bot.restart()
    assert helpers.topic("Anna").texts == ["Hello", "Are you there?"]


async def test_a_person_gets_and_deletes_what_is_known(bot: BotKit, helpers: Group, chat: Chat) -> None:
    """With the row goes the topic; others keep theirs, and who comes back gets a new one."""
    other = bot.chat("Ben")
    for one in (chat, other):
        await one.send("Hello")
    files = await bot.export(chat, plugin="helpdesk")
    assert json.loads(files["helpdesk/topics.json"])[0]["is_closed"] is False
    assert await bot.forget(chat, plugin="helpdesk") == 1
    assert await bot.export(chat, plugin="helpdesk") == {}
    assert helpers.topics == ["General", "Tea", "Ben"]
    assert [row.user_id for row in await bot.rows(topics)] == [other.id]
    await chat.send("Hello again")
    assert helpers.topic("Anna").texts == ["Hello again"]


@pytest.mark.astral(settings={"admins": (7001,)})
async def test_without_a_group_people_are_told_so(bot: BotKit, chat: Chat) -> None:
    """Nothing is kept."""
    await chat.send("Hello")
    assert chat.texts == ["Nobody is here to answer yet. Please come back later."]
    assert await bot.rows(topics) == []
    health = await astral_health(bot.context("helpdesk"))
    assert [finding.code for finding in health.findings] == ["helpdesk-group"]
