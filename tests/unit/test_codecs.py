"""What buttons and links carry: what goes out comes back, fits, and forged data breaks nothing."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import Context, Routes
from astral_core.errors import CallbackDataError, DeclarationError, HandlerError
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.base import Claims
from astral_core.kinds.codec import LIMIT, TYPES, compile_old, compile_pattern, split
from astral_core.kinds.deep_link import DeepLinks
from astral_core.kinds.raw import no_builder

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,23}", fullmatch=True)
NARROW = {f"int({width})": st.integers(-(10 ** (width - 1)) + 1, 10**width - 1) for width in (1, 2, 5, 18)}
VALUES = {"int": st.integers(-(2**63), 2**63 - 1), **NARROW, "slug": SLUGS, "uuid": st.uuids()}
PLUGINS = st.from_regex(r"[a-z][a-z0-9]{1,15}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,7}", fullmatch=True)


@st.composite
def routes(draw: st.DrawFn) -> tuple[str, str, list[tuple[str, Any]]]:
    """A plugin, a pattern, and values for its arguments."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3))
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
    others = {"int": -(2**63), "slug": "z" * 24, "uuid": UUID(int=2**128 - 1)}
    widest: Any = others.get(kind, 10 ** (TYPES[kind].width - 1))
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


async def opened(ctx: Context, **values: Any) -> None:
    """A handler of links."""


def link_codec(plugin: str, pattern: str) -> Any:
    """The codec of a deep link with this pattern."""
    links, route = DeepLinks(), Routes().deep_link(pattern)(opened)
    owner = LoadedPlugin(plugin, f"astral-{plugin}", "1.0", f"astral_{plugin}")
    key = links.add(owner, route, Claims({}, (), no_builder))
    assert key is not None
    return links.routes[key].codec


@given(routes(), st.booleans())
def test_what_a_link_carries_comes_back(route: tuple[str, str, list[tuple[str, Any]]], named: bool) -> None:
    """Telegram takes A-Z a-z 0-9 _ - and 64 of them. The plugin and the name stand before the first two dashes."""
    plugin, pattern, values = route
    named = named or not values
    try:
        codec = link_codec(plugin, pattern if named else pattern.partition("/")[2])
    except DeclarationError as error:
        assert "Telegram allows 64" in str(error)  # noqa: PT017  # the only reason for a well-formed pattern
        return
    given = {f"a{n}": value for n, (_, value) in enumerate(values)}
    start = codec.build(given)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", start)
    assert codec.key.split("-")[0] == plugin
    assert codec.key.count("-") == named
    assert codec.parse(start.removeprefix(codec.key).removeprefix("-")) == given


@given(
    st.one_of(st.text(max_size=64), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)),
    st.sampled_from(["buy", "buy/{n:int}", "{code:slug}", "buy/{id:uuid}", "buy/{n:int}/{m:int}"]),
)
def test_a_forged_link_raises_nothing_but_callback_data_error(forged: str, pattern: str) -> None:
    """Anybody can write a link; what can be read is what the bot itself would write."""
    codec = link_codec("moon", pattern)
    try:
        parsed = codec.parse(forged)
    except CallbackDataError:
        return
    assert codec.parse(codec.build(parsed).removeprefix(codec.key).removeprefix("-")) == parsed


def test_the_last_value_of_a_link_is_written_as_it_is_where_it_can_be() -> None:
    """People read links: a code with dashes stays what it is."""
    assert link_codec("payments", "{code:slug}").build({"code": "sky-full"}) == "payments-sky-full"
    assert link_codec("moon", "{code:slug}").build({"code": "a-b_c.d"}) == "moon-a-b__c_pd"
    assert link_codec("moon", "tide.low/{n:int}/{m:int}").build({"n": -5, "m": -7}) == "moon-tide_plow-_m5--7"


def test_three_small_numbers_fit() -> None:
    """A day takes 26 bytes if each number says its width; a number that is wider is refused when it is built."""
    codec = compile_pattern("shop", "pick/{y:int(4)}/{m:int(2)}/{d:int(2)}")
    assert codec.build({"y": 2026, "m": 11, "d": 30}) == "shop:pick/2026/11/30"
    with pytest.raises(CallbackDataError, match="123 has more than 2 characters"):
        codec.build({"y": 2026, "m": 123, "d": 1})
    for forged in ("123", "-11", "1e", ""):
        with pytest.raises(CallbackDataError):
            codec.parse(["2026", forged, "1"])


@pytest.mark.parametrize("pattern", ["a/{n:int(0)}", "a/{n:int(20)}", "a/{n:int()}", "a/{n:slug(3)}"])
def test_a_width_is_1_to_19_of_an_integer(pattern: str) -> None:
    """Other widths are refused where the route is declared."""
    with pytest.raises(CallbackDataError, match=r"a type of int, int\(2\), slug, uuid"):
        compile_pattern("shop", pattern)


@given(st.integers(-(2**63), 2**63 - 1), SLUGS.filter(lambda text: "_" not in text), st.uuids())
def test_old_data_is_read(number: int, slug: str, key: UUID) -> None:
    """Text around typed values, whatever another bot used; a UUID as text or as ours; other data is another's."""
    old = compile_old("shop", "buy:{n:int}_{what:slug}|{key:uuid}")
    for form in (str(key), TYPES["uuid"].encode(key)):
        assert old.parse(f"buy:{number}_{slug}|{form}") == {"n": number, "what": slug, "key": key}
    assert old.parse(f"bye:{number}_{slug}|{key}") is None
    own = compile_old("shop", "view/{n:int}")
    assert own.parse(f"shop:view/{number}") == own.parse(f"view/{number}") == {"n": number}
    assert own.parse(f"other:view/{number}") is None


@given(st.text(max_size=80))
def test_forged_old_data_raises_nothing(forged: str) -> None:
    """Whatever comes is read or is not."""
    found = compile_old("shop", "count:{n:int}").parse(forged)
    assert found is None or found == {"n": int(forged.removeprefix("count:"))}


@pytest.mark.parametrize("spelling", ["", "a{n}", "a{n:text}", "{n:int}{n:int}", "a{n:int(2)}"])
def test_an_old_spelling_is_text_with_types(spelling: str) -> None:
    """What cannot be read is refused where the route is declared."""
    with pytest.raises(CallbackDataError, match="was="):
        compile_old("shop", spelling)
