"""The codec: what is kept comes back equal and of the same types, and nothing is run when it is read."""

from __future__ import annotations

import datetime as dt
import enum
import pickle
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Chat, InlineKeyboardButton, InlineKeyboardMarkup, Message, User

from astral_core.errors import NotKept
from astral_core.ptb.codec import decode, encode


class Colour(enum.Enum):
    """An author's enum."""

    RED = 1


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.dates() | st.datetimes() | st.times() | st.timedeltas() | st.uuids() | st.just(Colour.RED)
    | st.decimals(allow_nan=False) | st.datetimes(timezones=st.just(ZoneInfo("Europe/Berlin")))
    | st.complex_numbers(allow_nan=False)
)  # fmt: skip
keys = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=12,
)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, dt.datetime):
        return one == other and one.fold == other.fold and str(one.tzinfo) == str(other.tzinfo)
    return bool(one == other)


@given(values)
def test_what_is_kept_comes_back(value: Any) -> None:
    """Also the order of dicts, and the types of keys."""
    assert alike(decode(encode(value)), value)


@given(values)
def test_the_same_value_gives_the_same_bytes(value: Any) -> None:
    """So that what has not changed is not written."""
    assert encode(decode(encode(value))) == encode(value)


@given(st.binary(max_size=60))
def test_other_bytes_are_one_kind_of_error(data: bytes) -> None:
    """Whatever stands in the database, it is read, or it is a ValueError."""
    try:
        decode(data)
    except (ValueError, RecursionError):
        return


def test_telegrams_objects_are_kept() -> None:
    """With their parts, and equal."""
    sent = Message(
        7, dt.datetime(2026, 12, 1, tzinfo=dt.UTC), Chat(5, "private"), from_user=User(5, "Anna", False), text="hi"
    )
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="b")]])
    found = decode(encode({"message": sent, "markup": markup}))
    assert found["markup"] == markup
    assert found["message"] == sent
    assert found["message"].from_user.first_name == "Anna"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"db": object()}, "['db'] is a builtins.object"),
        ({"a": [1, {"b": open}]}, "['a'][1]['b'] is a"),
        ({(1, object): 2}, "a key of it[1] is a"),
        ([{1, object}], "a member of [0]"),
        ((lambda: None,), "[0] is a"),
        (InlineKeyboardMarkup([]), "its own JSON does not give again"),
        ({"c": pickle}, "['c'] is a"),
    ],
)
def test_what_cannot_be_kept_is_named(value: Any, where: str) -> None:
    """By the way to it."""
    with pytest.raises(NotKept) as caught:
        encode(value)
    assert where in str(caught.value)


def test_a_value_that_holds_itself_is_named() -> None:
    """No endless recursion."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotKept, match="holds itself"):
        encode(value)


KNOWN = (
    "c7e0059b92a1610192a162c703039201029203c70f0294c0c3cb3ff8000000000000c4017892a3626967c716013131383035"
    "393136323037313734313133303334323492a26964c7240f30303030303030302d303030302d303030302d303030302d3030"
    "3030303030303030303592a57072696365d60e312e353092a3646179c70a0b323032362d31322d303192a26174c7230a3230"
    "32362d31302d32355430323a33303a30307c317c4575726f70652f4265726c696e92a3666f72c7060d2d313a333a3092a474"
    "696d65d70c30393a30303a303092a666726f7a656ec7030491a178"
)


def test_known_bytes_stay_readable() -> None:
    """What this version writes is in databases: a later one has to read it."""
    value = {
        "a": 1, "b": {1, 2}, 3: (None, True, 1.5, b"x"), "big": 2**70, "id": UUID(int=5), "price": Decimal("1.50"),
        "day": dt.date(2026, 12, 1), "at": dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        "for": dt.timedelta(days=-1, seconds=3), "time": dt.time(9, 0), "frozen": frozenset({"x"}),
    }  # fmt: skip
    assert encode(value).hex() == KNOWN
    assert alike(decode(bytes.fromhex(KNOWN)), value)
