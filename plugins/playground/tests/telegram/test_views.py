"""What the page sees of every kind of thing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from astral_playground.telegram import ManualClock, User, World, views
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
        ({"text": "a", "switch_inline_query": ""}, {"text": "a", "kind": "other"}),
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
    assert service["service"] == {"kind": "other"}
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
