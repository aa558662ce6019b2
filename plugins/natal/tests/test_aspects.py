"""Aspects: which angles count, how wide, and that they depend on nothing but the angles."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.aspects import ASPECTS, NODE_ORB, find_aspects, widest_orb
from astral_natal.model import NODES, PLANETS, Aspect, Point, normalize, signed_arc

# Multiples of 1/1024 degree are exact in binary: turning the circle by them rounds nothing.
STEPS = 360 * 1024
steps = st.integers(0, STEPS - 1)
skies = st.lists(st.tuples(steps, st.integers(-2048, 15360)), min_size=len(PLANETS) + 2, max_size=len(PLANETS) + 2)


def sky(values: list[tuple[int, int]], turn: int = 0) -> tuple[Point, ...]:
    """Points at the given steps, all turned by `turn`, with speeds in 1/1024 degree a day."""
    return tuple(
        Point(body, (place + turn) % STEPS / 1024, 0.0, speed / 1024)
        for body, (place, speed) in zip((*PLANETS, *NODES), values, strict=True)
    )


def pair(first: str, second: str, arc: float, *, speeds: tuple[float, float] = (0.0, 0.0)) -> tuple[Aspect, ...]:
    """The aspects of two bodies, the second `arc` degrees ahead of the first at 350 degrees."""
    return find_aspects((Point(first, 350.0, 0.0, speeds[0]), Point(second, normalize(350 + arc), 0.0, speeds[1])))


@given(values=skies, turn=steps)
def test_turning_the_zodiac_changes_no_aspect(values: list[tuple[int, int]], turn: int) -> None:
    """Aspects are symmetric under rotation, their orbs, strengths, directions and order included."""
    assert find_aspects(sky(values, turn)) == find_aspects(sky(values))


@given(values=skies)
def test_mirroring_the_zodiac_changes_no_aspect(values: list[tuple[int, int]]) -> None:
    """Running the circle and all motion the other way leaves every aspect as it is."""
    mirrored = [(-place % STEPS, -speed) for place, speed in values]
    assert find_aspects(sky(mirrored)) == find_aspects(sky(values))


@given(values=skies)
def test_each_aspect_keeps_its_promises(values: list[tuple[int, int]]) -> None:
    """Orb and exactness follow from the longitudes; the most exact comes first; no pair has two aspects."""
    points = {point.id: point for point in sky(values)}
    found = find_aspects(tuple(points.values()))
    for aspect in found:
        separation = abs(signed_arc(points[aspect.first].longitude, points[aspect.second].longitude))
        limit = widest_orb(aspect.kind, aspect.first, aspect.second)
        assert limit is not None
        assert aspect.orb == abs(separation - ASPECTS[aspect.kind][0]) <= limit
        assert aspect.exactness == pytest.approx(1 - aspect.orb / limit)
    assert [aspect.exactness for aspect in found] == sorted((aspect.exactness for aspect in found), reverse=True)
    assert len({(aspect.first, aspect.second) for aspect in found}) == len(found)


@given(values=skies)
def test_no_aspect_is_missed(values: list[tuple[int, int]]) -> None:
    """Every pair within an orb is found, the earlier body of the chart first."""
    points = sky(values)
    expected = {
        (one.id, other.id, kind)
        for one, other in itertools.combinations(points, 2)
        for kind, (angle, *_) in ASPECTS.items()
        if abs(abs(signed_arc(one.longitude, other.longitude)) - angle)
        <= (-1 if (limit := widest_orb(kind, one.id, other.id)) is None else limit)
    }
    assert {(aspect.first, aspect.second, aspect.kind) for aspect in find_aspects(points)} == expected


@given(values=skies)
def test_applying_means_that_the_orb_shrinks(values: list[tuple[int, int]]) -> None:
    """A moment later the orb of an applying aspect is smaller, that of any other is not."""
    points = sky(values)
    moment = 1 / 65536
    later = {point.id: normalize(point.longitude + point.speed * moment) for point in points}
    for aspect in find_aspects(points):
        separation = abs(signed_arc(later[aspect.first], later[aspect.second]))
        shrinks = abs(separation - ASPECTS[aspect.kind][0]) < aspect.orb - 1e-12
        assert aspect.applying is shrinks


@pytest.mark.parametrize("kind", ASPECTS)
@pytest.mark.parametrize("side", [1, -1])
def test_luminaries_have_wider_orbs(kind: str, side: int) -> None:
    """Between the planets' orb and the luminaries' only the Sun and the Moon have the aspect."""
    angle, planetary, luminary = ASPECTS[kind]
    arc = side * (angle + (-1 if kind == "opposition" else 1) * (planetary + luminary) / 2)
    assert planetary < luminary
    assert [aspect.kind for aspect in pair("sun", "saturn", arc)] == [kind]
    assert [aspect.kind for aspect in pair("mars", "moon", arc)] == [kind]
    assert pair("mars", "saturn", arc) == ()


@pytest.mark.parametrize("kind", ASPECTS)
def test_an_exact_aspect_has_full_strength(kind: str) -> None:
    """At orb 0 exactness is 1 and nothing is left to apply."""
    (aspect,) = pair("mars", "saturn", ASPECTS[kind][0], speeds=(0.7, 0.1))
    assert aspect == Aspect("mars", "saturn", kind, 0.0, 1.0, applying=False)


@pytest.mark.parametrize(
    ("arc", "speeds", "applying"),
    [
        (3.0, (1.0, 0.1), True),  # the faster body comes from behind
        (-3.0, (1.0, 0.1), False),  # it has passed
        (3.0, (0.1, -0.2), True),  # the one ahead is retrograde
        (-3.0, (-0.2, 0.1), True),  # the one ahead is retrograde, seen from the other side
        (93.0, (1.0, 0.1), True),
        (87.0, (1.0, 0.1), False),
        (177.0, (0.1, 1.0), True),
        (-177.0, (0.1, 1.0), False),
        (3.0, (0.5, 0.5), False),
    ],
)
def test_applying_and_separating(arc: float, speeds: tuple[float, float], applying: bool) -> None:
    """The flag follows the relative motion, retrograde and across the start of Aries too."""
    (aspect,) = pair("mars", "saturn", arc, speeds=speeds)
    assert aspect.applying is applying


def test_the_true_node_takes_part_in_conjunctions_alone() -> None:
    """A planet on the true node counts within three degrees; no other angle to it does."""
    assert [aspect.kind for aspect in pair("venus", "true_node", NODE_ORB)] == ["conjunction"]
    assert pair("venus", "true_node", NODE_ORB + 0.01) == ()
    assert pair("sun", "true_node", NODE_ORB + 0.01) == ()
    for kind, (angle, *_) in ASPECTS.items():
        if kind != "conjunction":
            assert pair("venus", "true_node", angle) == ()


def test_the_mean_node_repeats_nothing() -> None:
    """The mean node is the true one smoothed: neither with planets nor with it does it make an aspect."""
    assert pair("sun", "mean_node", 0.0) == ()
    assert pair("true_node", "mean_node", 1.0) == ()
