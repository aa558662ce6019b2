"""Views of Bot API objects: what they read, what they refuse, and that no body makes them raise."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.botapi import views
from astral_core.botapi.table import table, update_kinds
from astral_core.botapi.views import View, to_builtins, type_name, view, view_update

TYPES, UNIONS = table().types, table().unions
DEPTH = 3  # levels below which an object has only what it needs
ANNA = {"id": 5, "is_bot": False, "first_name": "Anna"}
CHAT = {"id": -100, "type": "supergroup", "title": "Stars"}
MESSAGE = {"message_id": 1, "date": 1_700_000_000, "chat": CHAT, "from": ANNA, "text": "hello"}
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Integer": st.integers(-(2**63), 2**63 - 1),
    "Float": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    "String": st.text(max_size=5),
    "Boolean": st.booleans(),
    "True": st.just(True),
}
LEAVES = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=3)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3) | st.just("type"), inner),
    max_leaves=5,
)


def message(**members: Any) -> View:
    """A view of a message that has these members, too."""
    return view("Message", json.dumps({**MESSAGE, **members}))


@st.composite
def objects(draw: st.DrawFn, type_: str, depth: int) -> dict[str, Any]:
    """An object with all that it needs, and above the limit with some of the rest."""
    fields = TYPES[type_]
    names = [name for name, field in fields.items() if field.required]
    others = [name for name in fields if name not in names]
    if others and depth < DEPTH:
        names += draw(st.lists(st.sampled_from(others), max_size=5, unique=True))
    found = {name: fields[name].constant or draw(values(fields[name].type, depth + 1)) for name in names}
    if type_ in ("Message", "InaccessibleMessage"):
        found["date"] = 0 if type_ == "InaccessibleMessage" else draw(st.integers(1, 2**31))
    return found


def values(type_: str, depth: int) -> st.SearchStrategy[Any]:
    """What a member of a type may hold, as builtins."""
    if type_.startswith("["):
        return st.lists(values(type_[1:-1], depth + 1), max_size=2 if depth < DEPTH else 0)
    if type_ in SCALARS:
        return SCALARS[type_]
    if type_ == "RichText":
        plain = SCALARS["String"]
        return plain if depth >= DEPTH else plain | values("[RichText]", depth) | one_of(UNIONS[type_], depth)
    return one_of(UNIONS.get(type_, [type_]), depth)


def one_of(types: list[str], depth: int) -> st.SearchStrategy[Any]:
    """An object of one of the types; below the limit of one that needs little."""
    if depth >= DEPTH:
        types = [min(types, key=lambda type_: sum(field.required for field in TYPES[type_].values()))]
    return st.sampled_from(types).flatmap(lambda type_: objects(type_, depth))


def meant(type_: str, given_: dict[str, Any]) -> str:
    """The type of a generated object."""
    if type_ == "MaybeInaccessibleMessage":
        return "Message" if given_["date"] else "InaccessibleMessage"
    for variant in UNIONS.get(type_, [type_]):
        constants = {name: field.constant for name, field in TYPES[variant].items() if field.constant}
        if type_ not in UNIONS or constants.items() <= given_.items():
            return variant
    raise AssertionError(type_)


def check(type_: str, given_: Any, read: Any) -> None:
    """`read` is `given_`, with the types of the table on all levels."""
    if isinstance(given_, list):
        assert isinstance(read, tuple)
        assert len(read) == len(given_)
        for item, found in zip(given_, read, strict=True):
            check(type_ if type_ == "RichText" else type_[1:-1], item, found)
    elif isinstance(given_, dict):
        name = meant(type_, given_)
        assert isinstance(read, View)
        assert (type_name(read), to_builtins(read)) == (name, given_)
        for member, field in TYPES[name].items():
            found = getattr(read, "from_user" if member == "from" else member)
            if member in given_:
                check(field.type, given_[member], found)
            else:
                assert found is None
    else:
        assert read == given_
        assert isinstance(read, float if type_ == "Float" else type(given_))


def known(viewed: View) -> Iterator[str]:
    """All names that may be read of a view."""
    yield from viewed
    for name in UNIONS.get(type_name(viewed), [type_name(viewed)]):
        yield from TYPES.get(name, ())


def read_all(read: Any) -> None:
    """Read every member on every level, and do with views what Python does with values."""
    if isinstance(read, tuple):
        for item in read:
            read_all(item)
    elif isinstance(read, View):
        again = pickle.loads(pickle.dumps(read))  # noqa: S301  # our own bytes
        assert again == read
        assert hash(again) == hash(read)
        assert type_name(read) in repr(read)
        for name in known(read):
            if not name.startswith("_"):
                read_all(getattr(read, name))


@pytest.mark.parametrize("kind", update_kinds())
@given(data=st.data())
def test_every_kind_of_update_is_read_back(kind: str, data: st.DataObject) -> None:
    """Each member of what Telegram may send is there with its type, from JSON as from builtins."""
    type_ = TYPES["Update"][kind].type
    sent = data.draw(objects(type_, 0))
    found = view_update(msgspec.json.encode({"update_id": 1, kind: sent}))
    assert found is not None
    assert found[0] == kind
    check(type_, sent, found[1])
    assert view(type_, sent) == found[1]
    check(type_, sent, view(type_, sent))


@pytest.mark.parametrize("kind", update_kinds())
@given(data=st.data())
def test_no_body_makes_reading_raise(kind: str, data: st.DataObject) -> None:
    """Members are removed or replaced by anything, on every level: all that the table knows can still be read."""
    sent: dict[str, Any] = {kind: data.draw(objects(TYPES["Update"][kind].type, 0))}
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(places_of(sent))
        box, key = places[data.draw(st.integers(0, len(places) - 1))]
        if data.draw(st.booleans()) and isinstance(box, dict):
            del box[key]
        else:
            box[key] = data.draw(JUNK)
        if not sent:
            break
    for payload in (sent, json.dumps(sent), json.dumps(sent).encode()):
        found = view_update(payload)
        read_all(found[1] if found is not None else None)


def places_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place that has something in it: a dict and a name, or a list and a number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield value, key
        yield from places_of(part)


@given(st.binary(max_size=20) | st.text(max_size=20) | JUNK.map(json.dumps))
def test_what_is_no_update_has_no_view(payload: bytes | str) -> None:
    """Broken JSON, other JSON, and text that is no UTF-8 are nothing, and a view of them is empty."""
    read_all(view("Message", payload))
    found = view_update(payload)
    read_all(found[1] if found is not None else None)


def test_members_are_read_under_the_names_of_the_bot_api() -> None:
    """Objects are views, `from` is `from_user`, and what is missing is None."""
    read = message(entities=[{"type": "bold", "offset": 0, "length": 5}])
    assert (read.text, read.chat.title, read.from_user.first_name) == ("hello", "Stars", "Anna")
    assert [(type_name(item), item.length) for item in read.entities] == [("MessageEntity", 5)]
    assert (read.photo, read.caption, read.reply_to_message) == (None, None, None)
    assert getattr(read, "from") == read.from_user


def test_nothing_is_decoded_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a view reads one level; a member is read at its first access alone."""
    read, decoded, real = message(), [b""], views._decoded

    def told(json_: bytes) -> Any:
        decoded.append(bytes(json_))
        return real(json_)

    monkeypatch.setattr(views, "_decoded", told)
    assert (read.text, read.text, decoded) == ("hello", "hello", [b"", b'"hello"'])
    assert read.chat is read.chat
    assert len(decoded) == 3


@pytest.mark.parametrize(
    ("member", "value"),
    [("chat", []), ("chat", "text"), ("chat", 5), ("photo", {}), ("photo", "text"), ("text", 5), ("text", {}),
     ("message_id", "1"), ("message_id", 1.0), ("message_id", True), ("message_id", 2**63),
     ("message_id", -(2**63) - 1), ("is_topic_message", 1), ("is_topic_message", "true"),
     ("has_media_spoiler", None)],
)  # fmt: skip
def test_what_does_not_fit_is_none(member: str, value: Any) -> None:
    """As if it were missing; `in` tells that it is there."""
    for read in (message(**{member: value}), view("Message", {**MESSAGE, member: value})):
        assert getattr(read, member) is None
        assert member in read


@pytest.mark.parametrize(
    "json_",
    [b'{"text": "\xff", "date": 7}', '{"text": 1e999, "date": 7}', f'{{"date": 7, "message_id": {"9" * 5_000}}}'],
)
def test_what_python_cannot_hold_is_none(json_: bytes | str) -> None:
    """Text that is no UTF-8, and numbers without end; the other members are not lost with it."""
    read = view("Message", json_)
    assert (read.text, read.message_id, read.date) == (None, None, 7)
    assert to_builtins(read)["date"] == 7


def test_a_list_keeps_what_fits() -> None:
    """Also a list of lists; the others are left out."""
    size = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}
    assert [item.file_id for item in message(photo=[size, 5, None, [size], "x"]).photo] == ["f"]
    markup = message(reply_markup={"inline_keyboard": [[{"text": "Go"}, 1], "no", [[]]]}).reply_markup
    assert [[button.text for button in row] for row in markup.inline_keyboard] == [["Go"], []]


def test_a_float_may_be_a_whole_number() -> None:
    """Telegram writes 5, not 5.0; it is a float all the same."""
    place = message(location={"latitude": 5, "longitude": 1.5, "horizontal_accuracy": 10**30}).location
    assert (place.latitude, type(place.latitude), place.longitude) == (5.0, float, 1.5)
    assert place.horizontal_accuracy is None


def test_what_the_table_does_not_know_is_given_as_builtins() -> None:
    """Telegram is newer than the table."""
    read = message(brand_new={"deep": [1, {"a": None}]})
    assert read.brand_new == {"deep": [1, {"a": None}]}
    assert "brand_new" in read


def test_a_name_that_nobody_knows_is_an_error() -> None:
    """It names the type, and the name that was nearly meant."""
    with pytest.raises(AttributeError, match=r"^Message has no member 'txet'\. Fix: did you mean 'text'\?$"):
        _ = message().txet
    with pytest.raises(AttributeError, match=r"^Message has no member 'zzzzzzzz'\.$"):
        _ = message().zzzzzzzz
    with pytest.raises(AttributeError, match="did you mean 'from_user'"):
        _ = message().from_usr
    assert not hasattr(message(), "_private")


def test_a_type_that_the_table_does_not_have_is_an_error() -> None:
    """The caller wrote it: it is a slip."""
    with pytest.raises(ValueError, match=r"no type 'Mesage'\. Fix: did you mean 'Message'\?$"):
        view("Mesage", b"{}")


@pytest.mark.parametrize(("status", "type_"), [("left", "ChatMemberLeft"), ("kicked", "ChatMemberBanned"),
                                               ("creator", "ChatMemberOwner")])  # fmt: skip
def test_a_union_becomes_the_type_that_is_meant(status: str, type_: str) -> None:
    """Its constant member tells."""
    read = view("ChatMemberUpdated", {"new_chat_member": {"status": status, "user": ANNA}}).new_chat_member
    assert (type_name(read), read.status, read.user.first_name) == (type_, status, "Anna")
    assert type_name(view("ChatMember", {"status": status})) == type_


@pytest.mark.parametrize("status", ["ghost", 5, None, ["left"]])
def test_a_variant_of_the_future_is_a_view_of_the_union(status: Any) -> None:
    """Its members are builtins; those that another variant has may be asked for."""
    json_ = json.dumps({"status": status, "user": ANNA, "aura": 7})
    read = view("ChatMember", json_)
    assert (type_name(read), read.status, read.user, read.aura) == ("ChatMember", status, ANNA, 7)
    assert read.custom_title is None
    assert not hasattr(read, "colour")


@pytest.mark.parametrize(
    ("date", "type_"), [(0, "InaccessibleMessage"), (1_700_000_000, "Message"), ("x", "Message")]
)
def test_an_inaccessible_message_is_told_by_its_date(date: Any, type_: str) -> None:
    """The Bot API has no other sign of it."""
    read = view("CallbackQuery", {"message": {**MESSAGE, "date": date}}).message
    assert (type_name(read), read.message_id) == (type_, 1)


def test_a_rich_text_is_text_a_list_or_an_object() -> None:
    """The Bot API says so; its table has only the objects."""
    bold = {"type": "bold", "text": ["plain", {"type": "italic", "text": "deep"}, 7]}
    block = {"type": "paragraph", "text": bold}
    (read,) = message(rich_message={"blocks": [block]}).rich_message.blocks
    assert (type_name(read), type_name(read.text)) == ("RichBlockParagraph", "RichTextBold")
    plain, deep = read.text.text
    assert (plain, type_name(deep), deep.text) == ("plain", "RichTextItalic", "deep")
    assert view("RichBlockParagraph", {"text": 5}).text is None


def test_a_view_cannot_be_changed() -> None:
    """Neither what it has, nor what it has not."""
    read = message()
    with pytest.raises(AttributeError, match="a view of Message cannot be changed"):
        read.text = "other"
    with pytest.raises(AttributeError, match="a view of Message cannot be changed"):
        del read.text
    assert read.text == "hello"


def test_a_view_shows_no_values() -> None:
    """They are personal. Names of a member that no attribute may have are left out: they could be anything."""
    assert repr(message(**{"a\nb": 1})) == "<Message message_id, date, chat, from_user, text>"
    assert repr(view("ForumTopicClosed", b"{}")) == "<ForumTopicClosed>"


def test_views_are_equal_by_type_and_content() -> None:
    """Spaces and the order of members are no content; a view may be a key, be copied and be pickled."""
    one, other = message(), view("Message", json.dumps(dict(reversed(MESSAGE.items())), indent=1))
    assert one == other == view("Message", MESSAGE)
    assert len({one, other, message(text="bye"), view("InaccessibleMessage", MESSAGE)}) == 3
    assert one != view("InaccessibleMessage", MESSAGE)
    assert one != MESSAGE
    assert copy.copy(one) is one
    assert copy.deepcopy([one]) == [one]
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301  # our own bytes


def test_two_variants_with_the_same_constant_cannot_be_told() -> None:
    """A cached audio and an audio by its address: it stays a view of the union."""
    assert type_name(view("InlineQueryResult", {"type": "audio"})) == "InlineQueryResult"


def test_a_view_of_builtins_is_of_what_they_were() -> None:
    """Members that are added later are not seen, and keys that are no names are nothing."""
    given_: dict[Any, Any] = {"text": "hello", 5: 6}
    read = view("Message", given_)
    given_["caption"] = "later"
    assert (list(read), read.caption) == (["text"], None)


def test_presence_and_names() -> None:
    """`in` and iteration tell what the JSON has; an empty object is still an object."""
    assert list(message()) == ["message_id", "date", "chat", "from_user", "text"]
    assert [name in message() for name in ("from_user", "from", "photo", 5)] == [True, True, False, False]
    assert view("ForumTopicClosed", b"{}")


def test_builtins_are_new_each_time() -> None:
    """Under the names of the Bot API."""
    for read in (message(), view("Message", MESSAGE)):
        given_ = to_builtins(read)
        assert given_ == MESSAGE
        given_["chat"]["title"] = "changed"
        assert to_builtins(read) == MESSAGE


def test_replies_may_be_deeper_than_python() -> None:
    """Reading goes level by level; what has to go through all levels gives up without an error."""
    body: Any = {"date": 1}
    for _ in range(5_000):
        body = {"date": 1, "reply_to_message": body}
    read, levels = view("Message", body), 0
    assert to_builtins(read) == {"date": 1, "reply_to_message": None}
    while (read := read.reply_to_message) is not None:
        levels += 1
    assert levels == 5_000
    read_all(view("Message", '{"reply_to_message":' * 100_000 + "1" + "}" * 100_000))


def test_the_kind_and_the_view_of_an_update() -> None:
    """The kinds that the table has go before others, and scalars beside them are no kind."""
    found = view_update('{"update_id": 1, "my_chat_member": {"chat": {"id": 1}}}')
    assert found is not None
    assert (found[0], type_name(found[1]), found[1].chat.id) == ("my_chat_member", "ChatMemberUpdated", 1)
    both = view_update(b'{"update_id": 1, "sent": 5, "news": {"a": 1}, "message": {"text": "hi"}}')
    assert both is not None
    assert (both[0], both[1].text) == ("message", "hi")


def test_a_kind_of_the_future_has_a_view_of_builtins() -> None:
    """`from_user` is read there, too."""
    found = view_update({"update_id": 1, "sent": 5, "news": {"from": ANNA, "paper": [1]}})
    assert found is not None
    kind, read = found
    assert (kind, type_name(read), read.from_user, read.paper) == ("news", "Update.news", ANNA, [1])
    assert pickle.loads(pickle.dumps(read)) == read  # noqa: S301  # our own bytes


@pytest.mark.parametrize("payload", ["", "[]", "5", '{"update_id": 1}', '{"message": []}', '{"news": 5}', "\ud800"])
def test_an_update_without_an_object_is_none(payload: str) -> None:
    """There is nothing to see."""
    assert view_update(payload) is None
