"""A game: a whole bot with this plugin alone, and an emulated Telegram with groups and inline mode."""

import asyncio
import json

import pytest
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat
from astral_playground.testkit.group import Group

from astral_quiz.tables import answers, games

FIRST = "Question 1 of 3\n\nWhich planet has the shortest year?"
pytestmark = pytest.mark.usefixtures("database_url")  # each test runs on SQLite and on PostgreSQL


@pytest.fixture
def anna(bot: BotKit) -> Chat:
    """Who administers the group."""
    return bot.chat("Anna")


@pytest.fixture
def ben(bot: BotKit) -> Chat:
    """A member, whose name must not be read as HTML."""
    return bot.chat("Ben <3")


@pytest.fixture
def group(bot: BotKit, anna: Chat, ben: Chat) -> Group:
    """Anna's group."""
    return bot.group("Sky", admins=[anna], members=[ben])


async def test_a_game_from_the_first_question_to_the_points(group: Group, anna: Chat, ben: Chat) -> None:
    """Everybody answers in the same message, each person is told in private."""
    await group.send(ben, "/quiz")
    assert group.texts == [FIRST]
    assert group.keyboard == [["Venus"], ["Mercury"], ["Mars"], ["Next ›"]]
    await group.tap(anna, "Mercury")
    await group.tap(ben, "Venus")
    assert (anna.toasts, ben.toasts) == (["Right! One point for you."], ["No, sorry."])
    await group.tap(ben, "Next ›")
    await group.tap(anna, "27 days")
    await group.tap(ben, "27 days")
    await group.tap(anna, "Next ›")
    await group.tap(ben, "Next ›")
    assert group.texts == ["The quiz is over\n\nAnna: 2 points\nBen <3: 1 point"]
    assert group.keyboard == []


async def test_one_point_a_person_and_question(bot: BotKit, group: Group, anna: Chat) -> None:
    """A second press counts nothing, also a right one after a wrong one."""
    await group.send(anna, "/quiz")
    for button in ("Mercury", "Mercury", "Venus"):
        await group.tap(anna, button)
    assert anna.toasts == ["Right! One point for you.", *["You have answered already."] * 2]
    await group.tap(anna, "Next ›")
    for button in ("7 days", "27 days"):
        await group.tap(anna, button)
    assert [(row.number, row.is_right) for row in await bot.rows(answers)] == [(0, True), (1, False)]


async def test_old_and_forged_buttons_count_nothing(bot: BotKit, group: Group, anna: Chat, ben: Chat) -> None:
    """A question that is over, another group's game, and numbers that no button has."""
    await group.send(anna, "/quiz")
    await group.tap(anna, "Next ›")
    (game,) = await bot.rows(games)
    other = bot.group("Other", members=[ben])
    await other.send(ben, "/quiz")
    for data in (f"answer/{game.id}/1", f"answer/{game.id}/-3", f"answer/{game.id}/300", f"next/{game.id}/0"):
        await group.forge(ben, f"quiz:{data}")
    await other.forge(ben, f"quiz:answer/{game.id}/3")
    await other.forge(ben, f"quiz:next/{game.id}/1")
    assert set(ben.toasts) - {""} == {"This question is over."}
    assert await bot.rows(answers) == []
    assert [row.number for row in await bot.rows(games)] == [1, 0]


async def test_a_running_game_is_shown_again(bot: BotKit, group: Group, anna: Chat) -> None:
    """A second /quiz starts no second game, and the language is of who started."""
    other = bot.chat("Клара", language_code="ru")
    await group.join(other)
    await group.send(anna, "/quiz")
    await group.send(other, "/quiz")
    assert group.texts == [FIRST, FIRST]
    await group.tap(other, "Mercury")
    assert other.toasts == ["Верно! Вам очко."]
    assert len(await bot.rows(games)) == 1


async def test_only_administrators_stop_a_game(group: Group, anna: Chat, ben: Chat) -> None:
    """Nobody else, and an anonymous administrator too."""
    await group.send(ben, "/quiz")
    await group.tap(ben, "Mercury")
    await group.send(ben, "/stopquiz")
    assert group.last.text == "Only administrators of this group can do that."
    await group.send(anna, "/stopquiz")
    assert group.last.text == "The quiz is over\n\nBen <3: 1 point"
    await group.send(anna, "/stopquiz")
    assert group.last.text == "No quiz is running here."
    await group.promote(ben, anonymous=True)
    await group.send(ben, "/quiz")
    assert group.last.text == FIRST
    await group.send(ben, "/stopquiz")
    assert group.last.text == "The quiz is over\n\nNobody has a point yet."
    await group.send(ben, "/scores")
    assert group.last.text == "All quizzes of this group\n\nBen <3: 1 point"


async def test_scores_are_those_of_all_games_of_the_group(bot: BotKit, group: Group, anna: Chat, ben: Chat) -> None:
    """Those of another group are its own."""
    await group.send(ben, "/scores")
    assert group.last.text == "All quizzes of this group\n\nNobody has a point yet."
    for _ in range(2):
        await group.send(ben, "/quiz")
        await group.tap(ben, "Mercury")
        await group.send(anna, "/stopquiz")
    await group.send(ben, "/scores")
    assert group.last.text == "All quizzes of this group\n\nBen <3: 2 points"
    other = bot.group("Other", members=[ben])
    await other.send(ben, "/scores")
    assert "Nobody" in other.last.text


async def test_in_a_topic_the_game_stays_there(bot: BotKit, anna: Chat) -> None:
    """Question and points."""
    forum = bot.group("Sky", admins=[anna], topics=["Games"])
    games_topic = forum.topic("Games")
    await games_topic.send(anna, "/quiz")
    await games_topic.tap(anna, "Mercury")
    await games_topic.send(anna, "/stopquiz")
    assert games_topic.texts == [FIRST, "The quiz is over\n\nAnna: 1 point"]
    assert forum.topic("General").texts == []


async def test_a_group_that_becomes_a_supergroup_keeps_its_game(bot: BotKit, anna: Chat, ben: Chat) -> None:
    """It has another id from then on."""
    group = bot.group("Sky", admins=[anna], members=[ben], kind="group")
    await group.send(ben, "/quiz")
    await group.tap(ben, "Mercury")
    await group.migrate()
    await group.send(ben, "/quiz")
    assert group.last.text == FIRST
    await group.tap(ben, "Venus")
    assert ben.toasts[-1] == "You have answered already."
    await group.send(anna, "/stopquiz")
    assert group.last.text == "The quiz is over\n\nBen <3: 1 point"
    assert [row.place for row in await bot.rows(games)] == [str(group.id)]


async def test_inline_mode_starts_a_game_in_any_chat(bot: BotKit, anna: Chat, ben: Chat) -> None:
    """The bot is not in the group, and the game lives in the one message that was sent through it."""
    group = bot.group("Elsewhere", admins=[anna], members=[ben], bot=None)
    results = await ben.inline("quiz", chat=group)
    assert results.titles == ["Quiz"]
    message = await results.choose("Quiz")
    await group.tap(anna, "Start", message=message)
    assert message.text == FIRST
    await group.tap(ben, "Mercury", message=message)
    assert ben.toasts == ["Right! One point for you."]
    for _ in range(3):
        await group.tap(anna, "Next ›", message=message)
    assert message.text == "The quiz is over\n\nBen <3: 1 point"
    assert (anna.texts, ben.texts, group.texts) == ([], [], [])
    assert (await bot.rows(games))[0].over_at is not None


async def test_two_messages_of_inline_mode_are_two_games(bot: BotKit, anna: Chat, ben: Chat) -> None:
    """One of them is in the chat of two people, which the bot cannot see."""
    group = bot.group("Sky", admins=[anna], members=[ben])
    first = await (await ben.inline("quiz")).choose(chat=group)
    second = await (await ben.inline("quiz")).choose(chat=anna)
    for message in (first, second):
        await group.tap(ben, "Start", message=message)
    await group.tap(ben, "Mercury", message=first)
    await anna.tap("Mercury", message=second)
    assert len(await bot.rows(games)) == 2
    assert [row.game_id for row in await bot.rows(answers)] == [1, 2]


async def test_two_who_press_at_once_move_the_game_once(bot: BotKit, anna: Chat, ben: Chat) -> None:
    """The presses under a message of inline mode are not one after the other, as those of a group are."""
    group = bot.group("Elsewhere", admins=[anna], members=[ben], bot=None)
    message = await (await ben.inline("quiz", chat=group)).choose()
    for button in ("Start", "Next ›"):
        await asyncio.gather(*[group.tap(who, button, message=message) for who in (anna, ben)])
    assert [row.number for row in await bot.rows(games)] == [1]


async def test_a_game_goes_on_after_a_kill(bot: BotKit, group: Group, anna: Chat) -> None:
    """Its question, and who has answered."""
    await group.send(anna, "/quiz")
    await group.tap(anna, "Mercury")
    await bot.crash()
    await bot.restart()
    await group.tap(anna, "Mercury")
    assert anna.toasts[-1] == "You have answered already."


async def test_in_private_the_commands_are_for_groups(chat: Chat) -> None:
    """No game starts."""
    await chat.send("/stopquiz")
    await chat.send("/quiz")
    assert FIRST not in chat.texts


async def test_a_person_gets_and_deletes_their_answers(bot: BotKit, group: Group, anna: Chat, ben: Chat) -> None:
    """Others keep theirs."""
    await group.send(anna, "/quiz")
    for person in (anna, ben):
        await group.tap(person, "Mercury")
    files = await bot.export(anna, plugin="quiz")
    assert json.loads(files["quiz/answers.json"]) == [
        {"game_id": 1, "number": 0, "user_id": anna.id, "is_right": True}
    ]
    assert await bot.forget(anna, plugin="quiz") == 1
    assert await bot.export(anna, plugin="quiz") == {}
    assert [row.user_id for row in await bot.rows(answers)] == [ben.id]
