"""The wizard's state: whatever is answered in whatever order, the card shown is one that can be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_profile import draft as d
from astral_profile.birth import Birth, Place
from astral_profile.places.index import Hit
from astral_profile.zones import Ambiguous, Moment, Nonexistent, resolve

MOSCOW = Place("Moscow", "RU", 55.752, 37.6178, "Europe/Moscow")
APIA = Place("Apia", "WS", -13.83, -171.77, "Pacific/Apia")
PARIS = Place("Paris", "FR", 48.85, 2.35, "Europe/Paris")
Act = Callable[[d.Draft], d.Draft]


def _edited(field: str) -> Act:
    def act(draft: d.Draft) -> d.Draft:
        return d.edit(draft, field) if draft.birth is not None else draft  # type: ignore[arg-type]  # one of FIELDS

    return act


acts: st.SearchStrategy[Act] = st.one_of(
    st.sampled_from(
        [dt.date(1985, 9, 29), dt.date(1981, 4, 1), dt.date(2011, 12, 30), dt.date(1910, 1, 1), dt.date(1990, 6, 15)]
    ).map(lambda date: lambda draft: d.with_date(draft, date)),
    st.sampled_from([None, dt.time(2, 30), dt.time(0, 30), dt.time(12)]).map(
        lambda time: lambda draft: d.with_time(draft, time)
    ),
    st.sampled_from([MOSCOW, APIA, PARIS]).map(lambda place: lambda draft: d.with_place(draft, place)),
    st.sampled_from([0, 1]).map(lambda fold: lambda draft: d.with_fold(draft, fold)),
    st.sampled_from([None, 0, 10_800]).map(lambda offset: lambda draft: d.with_offset(draft, offset)),
    st.booleans().map(lambda old: lambda draft: d.with_style(draft, old=old) if draft.step == "style" else draft),
    st.sampled_from(d.FIELDS).map(_edited),
    st.sampled_from([d.back, d.with_suggestion]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, max_size=12))
def test_every_walk_ends_at_a_card_that_can_be_shown(walk: list[Act]) -> None:
    """Cards about a whole birth come with a whole birth, fold and gap only where the clock did that."""
    draft = d.new_draft()
    for act in walk:
        draft = act(draft)
        if draft.step in {"date", "time", "place"}:
            continue
        assert draft.birth is not None
        found = resolve(draft.birth)
        expected = {"fold": Ambiguous, "gap": Nonexistent, "confirm": Moment}.get(draft.step)
        assert expected is None or isinstance(found, expected)


@given(st.lists(acts, max_size=6))
def test_a_draft_survives_the_database(walk: list[Act]) -> None:
    """A draft and what its card offers read back equal from JSON."""
    draft = d.offer(d.new_draft(), dates=(dt.date(1990, 6, 15),), times=(dt.time(0),), hits=(Hit(PARIS, "Lyon"),))
    assert msgspec.json.decode(msgspec.json.encode(draft), type=d.Draft) == draft
    for act in walk:
        draft = act(draft)
    assert msgspec.json.decode(msgspec.json.encode(draft), type=d.Draft) == draft


def test_every_change_has_its_own_number() -> None:
    """A card's number never comes back in the same draft, and no other draft begins with it."""
    draft = d.new_draft()
    seen = [draft.rev]
    for act in (lambda x: d.with_date(x, dt.date(1990, 6, 15)), d.back, lambda x: d.offer(x), d.advance):
        draft = act(draft)
        seen.append(draft.rev)
    assert len(set(seen)) == len(seen)
    assert d.new_draft().rev not in seen


def test_another_day_or_place_asks_about_its_clock_anew() -> None:
    """A fold and an offset were told of one day at one place."""
    draft = d.draft_of(Birth(dt.date(1985, 9, 29), dt.time(2, 30), MOSCOW, 1, 7200))
    for changed in (d.with_date(draft, dt.date(1986, 9, 28)), d.with_place(draft, PARIS)):
        assert (changed.fold, changed.offset_seconds) == (None, None)
    later = d.with_time(draft, dt.time(2, 45))
    assert (later.fold, later.offset_seconds) == (None, 7200)


@pytest.mark.parametrize(
    ("new", "changed"),
    [
        (Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW), ()),
        (Birth(dt.date(1990, 6, 16), dt.time(14, 30), MOSCOW), ("date",)),
        (Birth(dt.date(1990, 6, 15), None, PARIS), ("time", "place")),
        (Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW, 1), ("clock",)),
        (Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW, None, 0), ("clock",)),
    ],
)
def test_what_changed_is_named(new: Birth, changed: tuple[str, ...]) -> None:
    """Names of what differs, none where nothing does, the three answers where there was no profile."""
    old = Birth(dt.date(1990, 6, 15), dt.time(14, 30), MOSCOW)
    assert d.changes(old, new) == changed
    assert d.changes(None, new) == ("date", "time", "place")
