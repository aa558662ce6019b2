"""The Bot API as data: which version it is, and which calls of it are let through."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.botapi import check
from astral_core.botapi.check import check_call, near_miss
from astral_core.botapi.table import Field, alternatives, table, update_kinds
from astral_core.errors import EffectError

METHODS = table().methods
# One value of each kind that Telegram takes; objects of all members that are needed are made of these.
SIMPLE: dict[str, Any] = {
    "Integer": 7,
    "Float": 1.5,
    "String": "text",
    "Boolean": True,
    "True": True,
    "InputFile": "id",
}


def make(field_type: str, depth: int = 0) -> Any:
    """A value of a type, with all that is needed and nothing more."""
    first = alternatives(field_type)[0]
    if first.startswith("["):
        return [make(first[1:-1], depth + 1)]
    if first in SIMPLE:
        return SIMPLE[first]
    if first in table().unions:
        return make(table().unions[first][0], depth)
    return {name: text_of(field, depth) for name, field in table().types[first].items() if field.required}


def text_of(field: Field, depth: int) -> Any:
    """A value of a member: its one value where it has one, and in any case of a fitting length."""
    if field.constant:
        return field.constant
    value = make(field.type, depth + 1)
    return "t" * max(field.low, 1) if isinstance(value, str) else value


def needed(method: str) -> dict[str, Any]:
    """All parameters that a method needs."""
    return {name: text_of(field, 0) for name, field in METHODS[method].parameters.items() if field.required}


def test_the_table_is_that_of_version_10_3() -> None:
    """With every method and type, its source, and the licence of that."""
    known = table()
    assert (known.version, known.released) == ("10.3", "2026-08-24")
    assert (len(known.methods), len(known.types) + len(known.unions)) == (185, 400)
    assert known.source == "aiogram-3.31.0 (MIT)"
    assert "Permission is hereby granted" in files("astral_core.botapi").joinpath("LICENSE").read_text("utf-8")
    assert known.methods["sendMessage"].returns == "Message"
    assert known.methods["sendMediaGroup"].returns == "[Message]"
    assert all(method.returns for method in known.methods.values())


def test_every_type_that_is_named_is_known() -> None:
    """No parameter, member or answer has a type that the table does not have."""
    known = table()
    fields = [field for method in known.methods.values() for field in method.parameters.values()]
    fields += [field for members in known.types.values() for field in members.values()]
    named = [field.type for field in fields] + [method.returns for method in known.methods.values()]
    named += [name for members in known.unions.values() for name in members]
    words = {word for text in named for word in text.replace("[", "|").replace("]", "|").split("|") if word}
    assert words - known.types.keys() - known.unions.keys() - SIMPLE.keys() == set()


def test_the_kinds_of_update() -> None:
    """All that `allowed_updates` may name."""
    kinds = update_kinds()
    assert len(kinds) == 27
    assert {"message", "message_reaction", "business_message", "subscription", "stopped_message_generation"} <= set(
        kinds
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_call_with_all_that_it_needs_is_let_through(method: str) -> None:
    """Each method, in any case of its letters; without one of its parameters it is refused, and the name is said."""
    params = needed(method)
    check_call("x", method, params)
    check_call("x", method.upper(), params)
    for name in params:
        with pytest.raises(EffectError, match=rf"{method}: {name} is missing"):
            check_call("x", method, {key: value for key, value in params.items() if key != name})


@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_a_slip_in_a_name_is_told_with_the_name(method: str, data: Any) -> None:
    """One letter too few, too many or another one, in a method or a parameter."""
    place = data.draw(st.integers(0, len(method) - 1))
    slip = method[:place] + data.draw(st.sampled_from(["", "q", "qq"])) + method[place + 1 :]
    if slip.lower() not in {name.lower() for name in METHODS}:
        with pytest.raises(EffectError, match="did you mean"):
            check_call("x", slip, {})


@pytest.mark.parametrize(
    ("method", "params", "what"),
    [
        ("sendSticer", {"chat_id": 1, "sticker": "x"}, "no method 'sendSticer'. Fix: did you mean 'sendSticker'"),
        ("sendMessage", {"chat_id": 1, "txt": "x"}, "txt is unknown. Fix: did you mean 'text'"),
        ("sendMessage", {"chat_id": 1}, "text is missing"),
        ("sendMessage", {"chat_id": [1], "text": "x"}, "chat_id is of the type list"),
        ("sendMessage", {"chat_id": True, "text": "x"}, "chat_id is of the type bool"),
        ("banChatMember", {"chat_id": 1, "user_id": 2**63}, "user_id is of the type int"),
        ("sendMessage", {"chat_id": 1, "text": ""}, "text has 0 UTF-16 units. Fix: give 1 to 4096"),
        ("sendMessage", {"chat_id": 1, "text": "😀" * 2049}, "text has 4098 UTF-16 units"),
        ("sendMessage", {"chat_id": 1, "text": "&lt;" * 4097, "parse_mode": "HTML"}, "text has 4097 UTF-16 units"),
        ("sendPhoto", {"chat_id": 1, "photo": "x", "caption": "c" * 1100}, "caption has 1100 UTF-16 units"),
        ("banChatMember", {"chat_id": 1, "user_id": "anna"}, "user_id is of the type str"),
        ("sendPoll", {"chat_id": 1, "question": "?", "options": 5}, "options is of the type int"),
        ("sendPoll", {"chat_id": 1, "question": "?", "options": [5]}, r"options\[0\] is of the type int"),
        ("setMessageReaction", {"chat_id": 1, "message_id": 2, "reaction": [{"type": "emoji"}]}, "emoji is missing"),
        ("deleteWebhook", {"drop_pending_updates": "perhaps"}, "drop_pending_updates is of the type str"),
        ("answerCallbackQuery", {"callback_query_id": "1", "text": "t" * 201}, "text has 201"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(method: str, params: dict[str, Any], what: str) -> None:
    """Where, what and what to write instead; and no word of the value itself."""
    with pytest.raises(EffectError, match=what):
        check_call("x", method, params)


def test_buttons_are_looked_at_too() -> None:
    """A slip and a length deep inside."""
    button: dict[str, Any] = {"text": "a", "callback_dat": "b"}
    params = {"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": [[button]]}}
    with pytest.raises(EffectError, match=r"reply_markup.inline_keyboard\[0\]\[0\].callback_dat is unknown"):
        check_call("x", "sendMessage", params)
    button.clear()
    button.update(text="a", callback_data="b" * 65)
    with pytest.raises(EffectError, match=r"callback_data has 65 bytes. Fix: give 1 to 64"):
        check_call("x", "sendMessage", params)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("sendMessage", {"chat_id": "@channel", "text": "x", "message_thread_id": "5"}),
        ("sendMessage", {"chat_id": 1, "text": 5, "disable_notification": 1}),
        ("sendMessage", {"chat_id": 1, "text": "x", "reply_markup": '{"inline_keyboard":[]}'}),
        ("sendMessage", {"chat_id": 1, "text": "<b>" + "x" * 4096 + "</b>", "parse_mode": "HTML"}),
        ("sendMessage", {"chat_id": 1, "text": "&lt;" * 4096, "parse_mode": "HTML"}),
        ("sendMessage", {"chat_id": 1, "text": "<hologram>" * 900, "parse_mode": "HTML"}),
        ("sendMessage", {"chat_id": 1, "text": "*" * 9000, "parse_mode": "MarkdownV2"}),
        ("sendMessage", {"chat_id": 1, "text": "x", "parse_mode": None}),
        ("sendPoll", {"chat_id": 1, "question": "?", "options": '["a","b"]'}),
        ("sendLocation", {"chat_id": 1, "latitude": "55.7", "longitude": 37}),
        ("sendMediaGroup", {"chat_id": 1, "media": [{"type": "hologram", "media": "x"}]}),
        ("setMessageReaction", {"chat_id": 1, "message_id": 2, "reaction": [{"type": "smell", "of": "roses"}]}),
    ],
)
def test_what_telegram_takes_is_let_through(method: str, params: dict[str, Any]) -> None:
    """Numbers and objects as text, markup that is not read here, and types that are newer than the table."""
    check_call("x", method, params)


def test_what_is_newer_than_the_table_passes_with_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method, a parameter and a member that nobody knows here; said once each, and in the end not at all."""
    monkeypatch.setattr(check, "_told", set())
    monkeypatch.setattr(check, "MOST_TOLD", 3)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            check_call("x", "projectHologram", {"chat_id": 1})
            check_call("x", "sendMessage", {"chat_id": 1, "text": "x", "hologram_size": 5})
            check_call("x", "sendMessage", {"chat_id": 1, "text": "x", "link_preview_options": {"hologram": True}})
        for number in range(50):
            check_call("x", f"projectHologram{number:05}", {})
    said = [record.message.partition(" with ")[2].partition(",")[0] for record in caplog.records]
    assert said == [
        "the method 'projectHologram'",
        "sendMessage and 'hologram_size'",
        "sendMessage and 'link_preview_options.hologram'",
    ]


@given(name=st.text("abcdef", min_size=1, max_size=12), known=st.lists(st.text("abcdef", min_size=1, max_size=12)))
def test_the_nearest_name_is_near(name: str, known: list[str]) -> None:
    """It differs in at most two letters, in fewer where the name is short, and no other is nearer."""
    found = near_miss(name, known)
    if found is not None:
        assert 0 < check._distance(name, found, 99) <= min(2, len(name) // 2)
        assert all(
            check._distance(name, other, 99) >= check._distance(name, found, 99) for other in known if other != name
        )


@given(one=st.text("abc", max_size=7), other=st.text("abc", max_size=7))
def test_the_distance_of_names_is_a_distance(one: str, other: str) -> None:
    """The same both ways, none for the same, and never more than the longer one has letters."""
    distance = check._distance(one, other, 99)
    assert distance == check._distance(other, one, 99)
    assert (distance == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance <= max(len(one), len(other))
    assert check._distance(one, other, 1) == min(distance, 2)


@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_no_value_brings_the_check_down(method: str, data: Any) -> None:
    """Whatever JSON a plugin gives: it is let through, or it is an EffectError that does not repeat it."""
    json = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.just("zeppelin"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner),
        max_leaves=8,
    )
    names = st.sampled_from([*METHODS[method].parameters, "hologram"])
    params = data.draw(st.dictionaries(names, json, max_size=5))
    said = ""
    try:
        check_call("x", method, params)
    except EffectError as error:
        said = str(error)
    assert "zeppelin" not in said
