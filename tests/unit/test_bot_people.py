"""Caches of people: bounded, and forgetting what was not used for longest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from astral_core.bot.people import Lru


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_the_cache_holds_the_most_recent_keys(keys: list[int], size: int) -> None:
    """After any sequence of puts the cache holds exactly the newest distinct keys."""
    cache: Lru[int, int] = Lru(size)
    for key in keys:
        cache.put(key, key * 10)
    newest = list(dict.fromkeys(reversed(keys)))[:size]
    assert {key for key in range(10) if key in cache} == set(newest)
    assert all(cache.get(key) == key * 10 for key in newest)


def test_reading_keeps_a_value_and_dropping_forgets_it() -> None:
    """Use counts, not age; None may be a value."""
    cache: Lru[str, int | None] = Lru(2)
    cache.put("a", 1)
    cache.put("b", None)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert "b" not in cache
    assert "a" in cache
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None
