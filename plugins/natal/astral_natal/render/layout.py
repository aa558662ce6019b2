"""Spreading labels along a circle: as close to their true places as their order and size allow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from astral_natal.model import normalize

_BISECTIONS = 60


def isotonic(values: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to `values` in least squares.

    Pool-adjacent-violators algorithm (Ayer et al., 1955), linear time.
    """
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            before, members = pools.pop()
            total, count = total + before, count + members
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def confine(fitted: Sequence[float], span: float) -> list[float]:
    """The nearest sequence to an isotonic fit whose last and first value differ by at most `span`.

    For a given window the clipped fit is optimal; the best window is where the pulls at both ends balance.
    """
    if fitted[-1] - fitted[0] <= span:
        return list(fitted)
    low, high = fitted[0], fitted[-1] - span
    for _ in range(_BISECTIONS):
        start = (low + high) / 2
        pull = sum(max(0.0, value - start - span) - max(0.0, start - value) for value in fitted)
        low, high = (start, high) if pull > 0 else (low, start)
    return [min(max(value, low), low + span) for value in fitted]


def spread(angles: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Places in [0, 360) for labels that belong to `angles` and take up `sizes` (both in degrees).

    In the order given. No label reaches into its neighbour (unless the circle is too small for all, when all
    shrink alike), the order around the circle is kept, and the sum of squared shifts is the least possible
    for a circle that is cut at its widest gap.

    Raises:
        ValueError: there are more angles than sizes or the reverse.
    """
    count = len(angles)
    if len(sizes) != count:
        raise ValueError(f"spread: {count} angles but {len(sizes)} sizes; give one size for each angle")
    if count < 2:
        return [normalize(angle) for angle in angles]
    scale = min(1.0, 360 / sum(sizes))
    turned = [normalize(angle) for angle in angles]
    order = sorted(range(count), key=turned.__getitem__)
    gaps = [(turned[order[k]] - turned[order[k - 1]]) % 360 for k in range(count)]
    cut = max(range(count), key=gaps.__getitem__)
    ring = [*order[cut:], *order[:cut]]
    line = [turned[index] + (360 if k >= count - cut else 0) for k, index in enumerate(ring)]
    reaches = [scale * (sizes[before] + sizes[after]) / 2 for before, after in pairwise(ring)]
    offsets = [0.0, *accumulate(reaches)]
    around = 360 - scale * (sizes[ring[-1]] + sizes[ring[0]]) / 2
    fitted = isotonic([place - offset for place, offset in zip(line, offsets, strict=True)])
    places = confine(fitted, max(0.0, around - offsets[-1]))
    result = [0.0] * count
    for index, place, offset in zip(ring, places, offsets, strict=True):
        result[index] = normalize(place + offset)
    return result
