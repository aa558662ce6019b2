"""What the page sees of every kind of thing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from astral_playground.telegram import ManualClock, User, World, membership, views
from astral_playground.telegram.actions import send_text
from astral_playground.telegram.errors import ApiError


@pytest.fixture
def world() -> World:
    """A world without a server."""
    return World(clock=ManualClock())


@pytest.fixture
def anna(world: World) -> User:
    """A person in it."""
    return world.add_user("Анна", language_code="ru")


@pytest.mark.parametrize(
    ("button", "view"),
    [
        ({"text": "a", "callback_data": "1"}, {"text": "a", "kind": "callback", "data": "1"}),
        ({"text": "a", "url": "https://e.org"}, {"text": "a", "kind": "url", "url": "https://e.org"}),
        ({"text": "a", "pay": True}, {"text": "a", "kind": "pay"}),
        (
            {"text": "a", "web_app": {"url": "https://e.org"}},
            {"text": "a", "kind": "web_app", "url": "https://e.org"},
        ),
        ({"text": "a", "copy_text": {"text": "b"}}, {"text": "a", "kind": "copy", "copy_text": "b"}),
        ({"text": "a", "switch_inline_query": "q"}, {"text": "a", "kind": "inline", "query": "q"}),
        (
            {"text": "a", "switch_inline_query_current_chat": ""},
            {"text": "a", "kind": "inline_here", "query": ""},
        ),
        (
            {"text": "a", "switch_inline_query_chosen_chat": {"allow_group_chats": True}},
            {"text": "a", "kind": "inline", "query": ""},
        ),
        ({"text": "a", "callback_game": {}}, {"text": "a", "kind": "other"}),
    ],
)
def test_buttons(world: World, anna: User, button: dict[str, Any], view: dict[str, Any]) -> None:
    """Each button has its kind and what the page needs to act."""
    message = world.post(anna, "bot", {"text": "x"}, markup={"inline_keyboard": [[button]]})
    assert views.message_view(world, message)["buttons"] == [[view]]


def test_reply_keyboard(world: World, anna: User) -> None:
    """A reply keyboard stands with the person."""
    keyboard = [[{"text": "Да"}, {"text": "Где", "request_location": True}, {"text": "Тел", "request_contact": True}]]
    markup = {"keyboard": keyboard, "resize_keyboard": True, "input_field_placeholder": "Пишите"}
    message = world.post(anna, "bot", {"text": "x"}, markup=markup)
    assert views.user_view(world, anna)["reply_keyboard"] == {
        "buttons": [
            [{"text": "Да", "kind": "text"}, {"text": "Где", "kind": "location"}, {"text": "Тел", "kind": "contact"}]
        ],
        "resize": True,
        "one_time": False,
        "persistent": False,
        "placeholder": "Пишите",
        "message_id": message.message_id,
    }


def test_mode_of_the_bot(world: World) -> None:
    """none, polling and webhook are told apart."""
    assert views.bot_view(world)["mode"] == "none"
    world.set_bot_up(True)
    assert views.bot_view(world)["mode"] == "polling"
    world.webhook.url = "http://127.0.0.1:1/"
    world.webhook.secret_token = "s3cret"
    view = views.bot_view(world)
    assert (view["mode"], view["webhook"]["url"]) == ("webhook", "http://127.0.0.1:1/")
    assert "s3cret" not in json.dumps(view)


def test_menus_of_private_chats_hide_the_default(world: World) -> None:
    """The page shows what a person of each language sees: any menu of private chats goes before the default one."""
    world.bot.commands[("default", "")] = [{"command": "a", "description": "x"}]
    world.bot.commands[("all_private_chats", "")] = [{"command": "b", "description": "y"}]
    world.bot.commands[("default", "ru")] = [{"command": "c", "description": "z"}]
    assert {code: menu[0]["command"] for code, menu in views.bot_view(world)["commands"].items()} == {
        "": "b",
        "ru": "b",
    }


def test_history_is_not_rewritten(world: World, anna: User) -> None:
    """An edit leaves the update and the former version as they were."""
    message = world.post(anna, "bot", {"text": "раз"})
    before = world.message_json(message)
    world.edit(message, {"text": "два"}, None)
    assert before["text"] == "раз"
    view = views.message_view(world, message)
    assert (view["edited"], view["history"][0]["spans"][0]["text"], view["spans"][0]["text"]) == (1, "раз", "два")
    with pytest.raises(ApiError, match="not modified"):
        world.edit(message, {"text": "два"}, None)


def test_everything_is_json(world: World, anna: User) -> None:
    """The whole state can be sent, whatever it holds."""
    world.post(anna, "user", {"location": {"latitude": 1.5, "longitude": 2}})
    world.post(anna, "service", {"pinned_message": {}})
    world.updates.add("message", {"text": "x"}, user_id=anna.id, queue_id=anna.id)
    world.faults.add("*", "500", times=None)
    state = json.loads(json.dumps(views.state_view(world)))
    place, service = state["chats"]["1001"]
    assert place["location"] == {"latitude": 1.5, "longitude": 2}
    assert service["service"] == {"kind": "pinned", "text": "", "names": [], "message_id": None}
    assert state["updates"][0]["state"] == "created"
    assert state["faults"][0]["times"] is None


def test_no_token_in_the_state(world: World, anna: User) -> None:
    """The token stays out of everything that the page gets."""
    assert world.token not in json.dumps(views.state_view(world))


def test_updates_are_found(world: World, anna: User) -> None:
    """By person the newest, by query the one that carries it; expired ones leave the queue."""
    log = world.updates
    first = log.add("message", {"message_id": 1}, user_id=anna.id, queue_id=anna.id)
    press = log.add("callback_query", {"id": "77"}, user_id=anna.id, queue_id=5, lifetime=150)
    assert log.latest_of(anna.id) is press
    assert log.by_query("77") is press
    assert log.by_query("78") is None
    assert log.latest_of(9) is None
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(151)
    log.expire({press.update_id} if press else frozenset())
    assert len(log.pending) == 2
    log.expire()
    assert list(log.pending.values()) == [first]
    assert press is not None
    assert press.state == "expired"
    log.drop_all()
    assert log.pending == {}
    assert log.add("message_reaction", {}, user_id=anna.id, queue_id=1) is None


def test_who_speaks(world: World, anna: User) -> None:
    """A person, the bot, an anonymous administrator and a channel each stand by their own name."""
    group = membership.add_group(world, "Клуб", anna)
    membership.join(world, group, world.bot.id, anna.id)
    said = send_text(world, anna, "я", room=group)[0]
    membership.change(world, group, replace(group.member(anna.id), anonymous=True), anna.id)
    hidden = send_text(world, anna, "мы", room=group)[0]
    answer = world.post(group, "bot", {"text": "да"})
    senders = [views.message_view(world, one)["sender"] for one in (said, hidden, answer)]
    assert [(one["kind"], one["name"]) for one in senders] == [
        ("user", "Анна"), ("chat", "Клуб"), ("bot", world.bot.first_name),
    ]  # fmt: skip
    assert views.message_view(world, hidden)["author"] == anna.id


@pytest.mark.parametrize(
    ("content", "event"),
    [
        ({"new_chat_title": "Новое"}, {"kind": "title", "text": "Новое", "names": []}),
        ({"forum_topic_created": {"name": "А"}}, {"kind": "topic_created", "text": "А", "names": []}),
        ({"forum_topic_closed": {}}, {"kind": "topic_closed", "text": "", "names": []}),
        ({"migrate_from_chat_id": -5}, {"kind": "migrated", "text": "", "names": []}),
        ({"users_shared": {"users": [{"user_id": 7}]}}, {"kind": "users_shared", "text": "", "names": ["7"]}),
        ({"chat_shared": {"chat_id": -7, "title": "К"}}, {"kind": "chat_shared", "text": "", "names": ["К"]}),
        (
            {"pinned_message": {"message_id": 4, "text": "x" * 99}},
            {"kind": "pinned", "text": "x" * 60, "names": [], "message_id": 4},
        ),
        ({"video_chat_started": {}}, {"kind": "other"}),
    ],
)
def test_what_happened(world: World, anna: User, content: dict[str, Any], event: dict[str, Any]) -> None:
    """Each service message names its kind and what the page's sentence needs; an unknown one is still one."""
    message = world.post(anna, "service", content)
    assert views.message_view(world, message)["service"] == event


def test_coming_and_going(world: World, anna: User) -> None:
    """It shows whether somebody came or went by themselves, and who."""
    ben = world.add_user("Ben", last_name="Hall")
    group = membership.add_group(world, "Клуб", anna)
    membership.join(world, group, ben.id, anna.id)
    membership.leave(world, group, ben.id)
    events = [views.message_view(world, one)["service"] for one in world.messages[group.id].values()]
    assert events == [
        {"kind": "joined", "text": "", "names": ["Ben Hall"], "self": False},
        {"kind": "left", "text": "", "names": ["Ben Hall"], "self": True},
    ]


def test_buttons_that_ask(world: World, anna: User) -> None:
    """Buttons of a reply keyboard that ask for people or a chat carry what the page needs to answer."""
    keys = [
        {"text": "Друг", "request_users": {"request_id": 1, "max_quantity": 3}},
        {"text": "Канал", "request_chat": {"request_id": 2, "chat_is_channel": True}},
        {"text": "Опрос", "request_poll": {}},
        {"text": "Окно", "web_app": {"url": "https://e.org"}},
    ]
    world.post(anna, "bot", {"text": "x"}, markup={"keyboard": [keys]})
    keyboard = views.user_view(world, anna)["reply_keyboard"]
    assert keyboard["buttons"][0] == [
        {"text": "Друг", "kind": "users", "request_id": 1, "most": 3, "channel": False},
        {"text": "Канал", "kind": "chat", "request_id": 2, "most": 1, "channel": True},
        {"text": "Опрос", "kind": "poll"},
        {"text": "Окно", "kind": "web_app"},
    ]


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ({"type": "user", "sender_user": {"first_name": "Анна", "last_name": "К"}}, "Анна К"),
        ({"type": "hidden_user", "sender_user_name": "Тень"}, "Тень"),
        ({"type": "channel", "chat": {"title": "Новости"}}, "Новости"),
        ({"type": "chat", "sender_chat": {"title": "Клуб"}}, "Клуб"),
    ],
)
def test_origins(world: World, anna: User, origin: dict[str, Any], name: str) -> None:
    """A forward names whom it comes from, whatever they are."""
    message = world.post(anna, "user", {"text": "x"}, facts={"forward_origin": origin})
    assert views.message_view(world, message)["forward"] == name


def test_unknown_kinds_are_named(world: World, anna: User) -> None:
    """A content that the page cannot draw is named instead of being an empty bubble."""
    message = world.post(anna, "bot", {"story": {"id": 1}})
    assert views.message_view(world, message)["other"] == "story"
