"""Addresses: what the database keeps of them, lanes, and reading what has an unknown form."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from astral_core.inbox import lenient
from astral_core.inbox.address import Address, decode, encode, lane_named, lane_of
from astral_core.inbox.envelope import NOBODY
from astral_core.inbox.rows import EXPRESS_LANES, express_lane, is_express

CHATS = st.integers(-(2**52), 2**52 - 1).filter(bool)
WORDS = st.none() | st.text(max_size=80)
NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1)
ADDRESSES = st.builds(
    Address, chat=CHATS, topic=NUMBERS, direct=NUMBERS, business=WORDS, inline=WORDS,
    user=st.none() | st.integers(1, 2**52),
)  # fmt: skip


@given(ADDRESSES, CHATS)
def test_an_address_comes_back_from_the_database(address: Address, chat: int) -> None:
    """Whatever its lane is; and where that is moved, an address of the lane's own chat moves with it."""
    for own in (chat, address.chat):
        text = encode(address, own)
        assert (decode(text, own) or Address(chat=own)) == address
    moved = decode(encode(address, address.chat), chat)
    assert (moved.chat if moved is not None else chat) == chat


@given(st.text() | st.just('{"chat":"x"}') | st.just("[]"))
def test_an_address_that_another_version_wrote_is_the_lanes_chat(text: str) -> None:
    """Reading it fails for nobody."""
    found = decode(text, 7)
    assert found is None or isinstance(found, Address)


@given(st.lists(st.tuples(CHATS, st.text(min_size=1, max_size=40)), min_size=2, max_size=20, unique=True))
def test_lanes_of_business_chats_are_no_others(places: list[tuple[int, str]]) -> None:
    """Each connection's chat has a lane of its own, which is no chat's, no express one, and nobody's."""
    lanes = [lane_of(chat, business) for chat, business in places]
    assert len(set(lanes)) == len(lanes)
    for lane in [*lanes, *(lane_named(name) for _, name in places)]:
        assert -(2**63) <= lane < NOBODY - 2**40
        assert not is_express(lane)
        assert lane not in {express_lane(kind, chat) for kind in EXPRESS_LANES for chat, _ in places}


def test_places_of_one_chat_differ_and_fit_their_column() -> None:
    """Topics, direct messages and connections; the longest ids are hashed."""
    made = [
        Address(chat=1), Address(chat=1, topic=2), Address(chat=1, topic=3), Address(chat=1, direct=2),
        Address(chat=1, topic=-(2**63)), Address(chat=1, business="x" * 500), Address(chat=1, business="y"),
    ]  # fmt: skip
    places = [address.place for address in made]
    assert len(set(places)) == len(places)
    assert places[0] == ""
    assert max(len(place) for place in places) <= 32


class Inner(msgspec.Struct, rename={"sender": "from"}):
    """An object within another."""

    sender: int | None = None
    name: str = ""


class Outer(msgspec.Struct):
    """An object with a member that it needs."""

    id: int
    inner: Inner | None = None
    flag: bool = False


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "from", "name"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "inner", "flag", "more"]), JSON))
def test_what_fits_is_read_and_what_does_not_is_left_out(value: dict[str, object]) -> None:
    """Each member counts for itself, also within another one; without the member that it needs there is nothing."""
    found = lenient.read(Outer, msgspec.json.encode(value))
    whole = value.get("id")
    if isinstance(whole, int) and not isinstance(whole, bool):
        assert found is not None
        assert found.id == whole
        assert found.flag is (value.get("flag") is True)
        inner = value.get("inner")
        if isinstance(inner, dict):
            assert found.inner is not None
            name = inner.get("name")
            assert found.inner.name == (name if isinstance(name, str) else "")
    elif not isinstance(whole, float):
        assert found is None


def test_what_is_no_json_is_nothing() -> None:
    """Also where it nests too deep for a reader."""
    for text in (b"", b"[]", b"5", b"\xff", b"{" * 10, b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        assert lenient.read(Outer, text) is None
