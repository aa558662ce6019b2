"""Spreading of labels along the ring: optimal, in order, without overlap."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.render.layout import confine, isotonic, spread

ANGLES = st.lists(st.floats(0, 359.99), min_size=2, max_size=15)
VALUES = st.lists(st.floats(-180, 180), min_size=1, max_size=8)


def cost(fitted: list[float], wanted: list[float]) -> float:
    """Sum of squared shifts."""
    return sum((a - b) ** 2 for a, b in zip(fitted, wanted, strict=True))


def best_isotonic(values: list[float]) -> float:
    """Least cost over all ways to cut the values into blocks that share their mean: exact and exponential."""
    count = len(values)
    best = float("inf")
    for cuts in (cut for size in range(count) for cut in combinations(range(1, count), size)):
        bounds = [0, *cuts, count]
        blocks = [values[a:b] for a, b in pairwise(bounds)]
        means = [sum(block) / len(block) for block in blocks]
        if means == sorted(means):
            fitted = [mean for mean, block in zip(means, blocks, strict=True) for _ in block]
            best = min(best, cost(fitted, values))
    return best


def distance(first: float, second: float) -> float:
    """The shorter way around between two directions."""
    return abs((first - second + 180) % 360 - 180)


@given(VALUES)
def test_isotonic_fit_is_monotone_and_as_near_as_any(values: list[float]) -> None:
    """The fit never falls, and no other monotone sequence lies nearer to the values."""
    fitted = isotonic(values)
    assert all(a <= b + 1e-9 for a, b in pairwise(fitted))
    assert cost(fitted, values) == pytest.approx(best_isotonic(values), abs=1e-6)


def test_isotonic_leaves_a_sorted_sequence_alone() -> None:
    """What is in order already is not moved."""
    assert isotonic([1.0, 2.0, 2.0, 5.0]) == [1.0, 2.0, 2.0, 5.0]


@given(VALUES, st.floats(0, 200))
def test_confined_fit_is_the_nearest_within_its_span(values: list[float], span: float) -> None:
    """The confined fit keeps to its span, and no window placed elsewhere costs less."""
    fitted = isotonic(values)
    kept = confine(fitted, span)
    assert kept[-1] - kept[0] <= span + 1e-9
    low, high = min(values), max(values)
    starts = [low + (high - low) * step / 200 for step in range(201)]
    others = (cost([min(max(value, start), start + span) for value in fitted], values) for start in starts)
    assert cost(kept, values) <= min(others) + 1e-6


def test_spread_is_as_good_as_a_search_of_all_places() -> None:
    """For three crowded labels of different size no places on a fine grid cost less."""
    angles, sizes = [100.0, 101.0, 104.5], [8.0, 14.0, 8.0]
    found = spread(angles, sizes)
    grid = [80 + step / 2 for step in range(90)]
    legal = (places for places in product(grid, repeat=3) if min(places[1] - places[0], places[2] - places[1]) >= 11)
    best = min(cost(list(places), angles) for places in legal)
    assert cost(found, angles) <= best
    assert best - cost(found, angles) < 0.5


@given(ANGLES, st.floats(1, 40))
def test_labels_never_reach_into_each_other(angles: list[float], size: float) -> None:
    """Any two labels are apart by their size, or by an equal share of the circle if that is too small."""
    places = spread(angles, [size] * len(angles))
    room = min(size, 360 / len(angles))
    assert all(0 <= place < 360 for place in places)
    assert all(distance(a, b) >= room - 1e-6 for a, b in combinations(places, 2))


@given(st.lists(st.tuples(st.floats(0, 359.99), st.floats(2, 20)), min_size=2, max_size=15))
def test_labels_of_different_size_keep_half_of_both(items: list[tuple[float, float]]) -> None:
    """Neighbours are apart by half of each one's size, those further on by more."""
    angles, sizes = [angle for angle, _ in items], [size for _, size in items]
    scale = min(1.0, 360 / sum(sizes))
    placed = list(zip(spread(angles, sizes), sizes, strict=True))
    for (place, size), (other, another) in combinations(placed, 2):
        assert distance(place, other) >= scale * (size + another) / 2 - 1e-6


@given(st.lists(st.integers(0, 3599), min_size=3, max_size=15, unique=True))
def test_order_around_the_circle_is_kept(tenths: list[int]) -> None:
    """Walking round the ring one meets the labels in the order of their true places."""
    angles = [tenth / 10 for tenth in tenths]
    places = spread(angles, [9.0] * len(angles))
    before = sorted(range(len(angles)), key=angles.__getitem__)
    after = sorted(range(len(angles)), key=places.__getitem__)
    start = after.index(before[0])
    assert [*after[start:], *after[:start]] == before


def test_labels_with_room_stay_where_they_are() -> None:
    """Nothing moves when nothing touches."""
    assert spread([350.0, 10.0, 100.0, 355.0 - 180], [8.0] * 4) == pytest.approx([350.0, 10.0, 100.0, 175.0])


def test_a_pair_across_the_start_of_the_circle_parts_evenly() -> None:
    """The circle is cut at its widest gap and not at 0 degrees."""
    assert spread([359.0, 1.0], [8.0, 8.0]) == pytest.approx([356.0, 4.0])


def test_one_label_or_none_need_no_spreading() -> None:
    """The trivial cases work, too."""
    assert spread([], []) == []
    assert spread([370.0], [8.0]) == [10.0]


def test_angles_and_sizes_must_pair_up() -> None:
    """A missing size is an error that says so."""
    with pytest.raises(ValueError, match="2 angles but 1 sizes"):
        spread([1.0, 2.0], [8.0])
