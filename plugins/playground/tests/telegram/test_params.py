"""Reading parameters as the real server does, and the fields of the page's bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram.errors import ApiError, PageError, bad_request
from astral_playground.telegram.fields import Fields
from astral_playground.telegram.params import Params, Upload


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("-3", 0), ("500", 100), ("", 7), ("abc", 0), (" 12abc", 12), ("+4", 4), ("1e3", 1), ("9" * 30, 100)],
)
def test_integers_are_lenient_and_bounded(text: str, number: int) -> None:
    """What is no number is 0, what is too big is the bound, what is absent the default."""
    assert Params({"limit": text}).integer("limit", 7, 0, 100) == number


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("true", True),
        ("True", True),
        ("1", True),
        ("yes", True),
        ("false", False),
        ("0", False),
        ("", False),
        ("on", False),
    ],
)
def test_flags(text: str, flag: bool) -> None:
    """true, yes and 1 in any case."""
    assert Params({"x": text}).flag("x") is flag


def test_json_values_become_strings() -> None:
    """Strings stay, null is absent, anything else is its JSON text."""
    params = Params()
    params.add_json({"a": "x", "b": 5, "c": True, "d": None, "e": {"я": [1]}})
    assert params.values == {"a": "x", "b": "5", "c": "true", "e": '{"я": [1]}'}
    assert params.json("e", "thing") == {"я": [1]}
    assert params.json("d", "thing") is None
    assert params.has("a")
    assert not params.has("d")


@pytest.mark.parametrize("text", ["{", "nope", "[" * 100_000])
def test_broken_json(text: str) -> None:
    """What cannot be decoded is named; depth is no crash."""
    with pytest.raises(ApiError, match="can't parse thing JSON object"):
        Params({"x": text}).json("x", "thing")


def test_required() -> None:
    """An empty parameter is as good as none."""
    with pytest.raises(ApiError, match='parameter "title" is required'):
        Params({"title": ""}).required("title")


def test_shown_has_no_bytes() -> None:
    """The log gets decoded JSON and names of files."""
    params = Params({"a": '{"b": 1}', "c": "{broken", "d": "text"}, {"f": Upload(b"12345", "a.txt", "text/plain")})
    shown = params.shown()
    assert shown == {"a": {"b": 1}, "c": "{broken", "d": "text", "f": {"file_name": "a.txt", "size": 5}}
    assert "12345" not in repr(params.files["f"])


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5)))
def test_any_json_object(body: dict[str, Any]) -> None:
    """Whatever a JSON object holds can be read and shown."""
    params = Params()
    params.add_json(body)
    assert set(params.values) == {name for name, value in body.items() if value is not None}
    json.dumps(params.shown())
    for name in params.values:
        assert isinstance(params.integer(name), int)
        assert isinstance(params.flag(name), bool)


@pytest.mark.parametrize(
    ("message", "description"),
    [
        ("Chat not found", "Bad Request: chat not found"),
        ("CHAT_INVALID", "Bad Request: CHAT_INVALID"),
        ("A_B", "Bad Request: A_B"),
        ("Х", "Bad Request: х"),
        ("", "Bad Request: "),
    ],
)
def test_form_of_descriptions(message: str, description: str) -> None:
    """Sentences begin in lower case, constants stay."""
    assert bad_request(message).description == description


def test_fields_read_once() -> None:
    """Readers check types; what nobody read is refused."""
    fields = Fields({"a": "x", "b": 2, "c": 1.5, "d": True, "e": [{}], "z": 1})
    assert fields.text("a", required=True) == "x"
    assert fields.integer("b") == 2
    assert fields.number("c", low=0, high=2) == 1.5
    assert fields.flag("d") is True
    assert fields.objects("e", limit=1) == [{}]
    assert fields.integer("absent") is None
    assert fields.flag("absent") is None
    assert fields.text("absent") == ""
    with pytest.raises(PageError, match="unknown field 'z'"):
        fields.nothing_else()
    fields.nothing_else("z")


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", 5),
        ("text", ["a"]),
        ("integer", "5"),
        ("integer", 1.0),
        ("integer", True),
        ("integer", -1),
        ("number", "1"),
        ("number", True),
        ("number", float("nan")),
        ("number", float("inf")),
        ("flag", 1),
        ("flag", "true"),
    ],
)
def test_wrong_types(reader: str, value: Any) -> None:
    """A value of another type is refused with the field's name."""
    with pytest.raises(PageError) as error:
        getattr(Fields({"x": value}), reader)("x")
    assert (error.value.status, error.value.field) == (400, "x")
