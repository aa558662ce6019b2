"""How small state is written down and read again."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import State
from astral_core.errors import HandlerError
from astral_core.state import STATE_LIMIT, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


class Place(msgspec.Struct):
    """A part of a state."""

    name: str
    at: tuple[float, float] = (0.0, 0.0)


class Kept(State):
    """One field of each sort."""

    text: str = ""
    number: int = 0
    day: date | None = None
    price: Decimal = Decimal(0)
    key: UUID | None = None
    tags: set[str] = msgspec.field(default_factory=set)
    places: list[Place] = msgspec.field(default_factory=list)


class Narrow(State, kept_as="Kept"):
    """An older version, which knows two of the fields."""

    text: str = ""
    number: int = 0


@given(
    st.builds(
        Kept,
        text=TEXTS,
        number=st.integers(-(2**63), 2**63 - 1),
        day=st.none() | st.dates(),
        price=st.decimals(allow_nan=False, allow_infinity=False),
        key=st.none() | st.uuids(),
        tags=st.sets(TEXTS, max_size=4),
        places=st.lists(st.builds(Place, name=TEXTS), max_size=3),
    )
)
def test_what_is_written_is_read(value: Kept) -> None:
    """Every field comes back as it was, with its type."""
    assert decode("party", Kept, encode("party", value, None)) == value


@given(st.dictionaries(st.sampled_from([*Kept.__struct_fields__, "other"]), JSON, max_size=6) | JSON)
def test_whatever_is_kept_gives_a_value(kept: object) -> None:
    """Another version, or a hand, may have written anything: each field that fits is read, others are defaults."""
    found = decode("party", Kept, json.dumps(kept))
    assert type(found) is Kept
    encode("party", found, None)


def test_an_older_version_leaves_what_it_does_not_know() -> None:
    """While replicas are replaced one by one, the old one must not drop the new one's fields."""
    kept = encode("party", Kept(text="a", number=1, tags={"x"}), None)
    changed = encode("party", Narrow(text="b", number=2), kept)
    assert decode("party", Kept, changed) == Kept(text="b", number=2, tags={"x"})


@pytest.mark.parametrize("value", [Kept(text="я" * STATE_LIMIT), Kept(text="\ud800")])
def test_what_cannot_be_kept_is_refused(value: Kept) -> None:
    """Too long, or no UTF-8: the error names the plugin and the class."""
    with pytest.raises(HandlerError, match="plugin 'party': this Kept"):
        encode("party", value, None)
