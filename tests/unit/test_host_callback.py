"""The codec of callback data: what goes out comes back, fits 64 bytes, and forged data breaks nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import Context, Routes
from astral_core.errors import CallbackDataError, HandlerError
from astral_core.kinds.codec import LIMIT, TYPES, compile_pattern, split

INTS = st.integers(-(2**63), 2**63 - 1)
SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,23}", fullmatch=True)
VALUES = {"int": INTS, "slug": SLUGS, "uuid": st.uuids()}
PLUGINS = st.from_regex(r"[a-z][a-z0-9]{1,15}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,7}", fullmatch=True)


@st.composite
def routes(draw: st.DrawFn) -> tuple[str, str, list[tuple[str, Any]]]:
    """A plugin, a pattern, and values for its arguments."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2))
    values = [(kind, draw(VALUES[kind])) for kind in kinds]
    pattern = "/".join([draw(NAMES), *(f"{{a{n}:{kind}}}" for n, kind in enumerate(kinds))])
    return draw(PLUGINS), pattern, values


@given(routes())
def test_what_is_built_is_parsed_to_the_same_values_and_fits(route: tuple[str, str, list[tuple[str, Any]]]) -> None:
    """Round trip of every type; where the pattern is accepted, no value whatever exceeds 64 bytes."""
    plugin, pattern, values = route
    try:
        codec = compile_pattern(plugin, pattern)
    except CallbackDataError as error:
        assert f"Telegram allows {LIMIT}" in str(error)  # noqa: PT017  # the only reason for a well-formed pattern
        return
    data = codec.build({f"a{n}": value for n, (_, value) in enumerate(values)})
    assert 1 <= len(data.encode()) <= LIMIT
    key, raw = split(data)
    assert key == codec.key
    assert codec.parse(raw) == {f"a{n}": value for n, (_, value) in enumerate(values)}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_the_widest_value_has_the_width_that_the_proof_uses(kind: str) -> None:
    """The proof of size rests on these widths."""
    widest: Any = {"int": -(2**63), "slug": "z" * 24, "uuid": UUID(int=2**128 - 1)}[kind]
    assert len(TYPES[kind].encode(widest)) == TYPES[kind].width


@given(st.text(max_size=80), st.sampled_from(["again/{n:int}", "open/{id:uuid}", "pick/{s:slug}/{n:int}", "menu"]))
def test_forged_data_raises_nothing_but_callback_data_error(forged: str, pattern: str) -> None:
    """Anybody can send any data; the router relies on this one exception."""
    codec = compile_pattern("moon", pattern)
    for values in (split(forged)[1], [forged], [forged, forged]):
        try:
            parsed = codec.parse(values)
        except CallbackDataError:
            continue
        assert codec.parse(split(codec.build(parsed))[1]) == parsed


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("a/{n:int}", "9223372036854775808"),
        ("a/{n:int}", "-9223372036854775809"),
        ("a/{n:int}", "12\n"),
        ("a/{n:int}", "１２"),
        ("a/{n:int}", ""),
        ("a/{s:slug}", "abc\n"),
        ("a/{s:slug}", "Абв"),
        ("a/{s:slug}", "a" * 25),
        ("a/{u:uuid}", "AAAA"),
        ("a/{u:uuid}", "ё" * 22),
        ("a/{u:uuid}", "=" * 22),
    ],
)
def test_values_that_no_builder_makes_are_refused(pattern: str, value: str) -> None:
    """Numbers that no database column holds and slugs with a line break do not reach a handler."""
    with pytest.raises(CallbackDataError):
        compile_pattern("moon", pattern).parse([value])


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("Again", "the name must be"),
        ("", "the name must be"),
        ("again/n", "is not {name:type}"),
        ("again/{n:float}", "is not {name:type}"),
        ("again/{n:int}/{n:int}", "names an argument twice"),
        ("again/{a:uuid}/{b:uuid}/{c:int}", "may need"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong(pattern: str, complaint: str) -> None:
    """A pattern is refused when it is declared, in words."""
    with pytest.raises(CallbackDataError, match=complaint.replace("{", r"\{")):
        compile_pattern("moon", pattern)


async def again(ctx: Context, n: int) -> None:
    """A handler."""


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, 2), {}), ((1,), {"n": 2}), ((), {"m": 1}), (("1",), {}), ((True,), {}), ((2**63,), {})],
)
def test_arguments_that_do_not_fit_are_refused_when_the_button_is_made(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """The mistake shows in the handler that makes the button, not in the one that gets the press."""
    codec, route = compile_pattern("moon", "again/{n:int}"), Routes().callback("again/{n:int}")(again)
    with pytest.raises(HandlerError):
        codec.build(route(*args, **kwargs).arguments)
