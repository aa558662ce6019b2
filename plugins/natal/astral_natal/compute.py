"""From a request to a chart: what the process pool runs.

Both the request and the chart are plain picklable data. The main process imports this module to name its
functions, so numpy and Skyfield are imported inside of them, in the worker.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from astral_natal.aspects import find_aspects
from astral_natal.errors import InvalidChartRequest
from astral_natal.houses import compute_houses, house_of
from astral_natal.julian import wall_time
from astral_natal.model import PLANETS, SIGNS, Aspect, Chart, ChartRequest, Houses, Ingress, MoonDay, Point, sign_of

_LONGEST_DAY = 1.25  # days: no clock change makes a local day longer
_SECOND = 1 / 86400


def warm() -> None:
    """Pay for imports and for opening the ephemeris before the first user waits for it."""
    from astral_natal import engine

    engine.positions(2451545.0)


def compute_chart(request: ChartRequest) -> Chart:
    """The chart of `request`.

    Raises InvalidChartRequest for coordinates or a local day that make no sense and DateOutOfRange for a moment
    that the ephemeris does not cover.
    """
    from astral_natal import engine

    _check(request)
    sky = engine.observe(request.jd_ut)
    chart = Chart(
        jd_ut=request.jd_ut,
        latitude=request.latitude,
        longitude=request.longitude,
        points=sky.points,
        aspects=find_aspects(sky.points),
        houses=None,
        moon_day=None,
        engine=engine.ENGINE,
    )
    if not request.time_known:
        return _over_the_day(chart, request)
    armc = sky.sidereal_time + request.longitude
    return _housed(chart, compute_houses(request.system, armc, sky.obliquity, request.latitude))


def _housed(chart: Chart, houses: Houses) -> Chart:
    """`chart` with `houses`, and each point in its own."""
    points = tuple(replace(point, house=house_of(point.longitude, houses.cusps)) for point in chart.points)
    return replace(chart, houses=houses, points=points)


def _over_the_day(chart: Chart, request: ChartRequest) -> Chart:
    """`chart` with what the unknown time leaves certain and what it does not."""
    from astral_natal import engine

    first, last = (engine.positions(midnight) for midnight in _day(request))
    ingresses = tuple(_ingresses(request, first, last))
    return replace(
        chart,
        aspects=_lasting(chart.aspects, first, last),
        moon_day=_moon_day(first, last, ingresses),
        ingresses=ingresses,
    )


def _check(request: ChartRequest) -> None:
    """InvalidChartRequest unless the request makes sense; NaN fails every comparison, so it fails here too."""
    if not -90.0 <= request.latitude <= 90.0:
        raise InvalidChartRequest("natal: the latitude of a chart request must be from -90 to 90 degrees")
    if not -180.0 <= request.longitude <= 180.0:
        raise InvalidChartRequest("natal: the longitude of a chart request must be from -180 to 180 degrees")
    if not math.isfinite(request.jd_ut):
        raise InvalidChartRequest("natal: the Julian day of a chart request must be a finite number")
    if not request.time_known:
        start, end = _day(request)
        if not (start <= request.jd_ut <= end and 0 < end - start <= _LONGEST_DAY):
            raise InvalidChartRequest(
                "natal: a chart without a birth time needs a local day of at most 30 hours that holds the moment"
            )
        offsets = (request.utc_offset, *(request.offset_change or ())[1:])
        if not all(abs(offset) <= 86400 for offset in offsets):
            raise InvalidChartRequest("natal: the UTC offsets of a chart request are seconds, at most a day's")


def _day(request: ChartRequest) -> tuple[float, float]:
    """Start and end of the local day; InvalidChartRequest if the request has none."""
    if request.day_start_jd is None or request.day_end_jd is None:
        raise InvalidChartRequest(
            "natal: a chart without a birth time needs day_start_jd and day_end_jd, the Julian days (UT) of the "
            "local midnights around it"
        )
    return request.day_start_jd, request.day_end_jd


def _ingresses(request: ChartRequest, first: Sequence[Point], last: Sequence[Point]) -> Iterator[Ingress]:
    """The planets whose sign at the end of the day is not the one at its start."""
    for begin, finish in zip(first, last, strict=True):
        if begin.id in PLANETS and begin.sign != finish.sign:
            moment = _ingress_jd(begin.id, begin.sign, *_day(request))
            time = wall_time(moment, _offset_at(request, moment))
            yield Ingress(begin.id, time, SIGNS[begin.sign], SIGNS[finish.sign])


def _ingress_jd(body: str, sign: int, low: float, high: float) -> float:
    """The moment when `body` leaves `sign`, to the second; it is in `sign` at `low` and not at `high`."""
    from astral_natal import engine

    while high - low > _SECOND:
        middle = (low + high) / 2
        if sign_of(engine.longitude(body, middle)) == sign:
            low = middle
        else:
            high = middle
    return high


def _offset_at(request: ChartRequest, moment: float) -> float:
    """The UTC offset in force at `moment`: clocks may change on the day of birth."""
    if request.offset_change is not None and moment >= request.offset_change[0]:
        return request.offset_change[1]
    return request.utc_offset


def _lasting(aspects: Sequence[Aspect], first: Sequence[Point], last: Sequence[Point]) -> tuple[Aspect, ...]:
    """The aspects that hold from the start of the day to its end, so that the unknown time does not matter."""
    whole_day = _kinds(find_aspects(first)) & _kinds(find_aspects(last))
    return tuple(aspect for aspect in aspects if _kinds((aspect,)) <= whole_day)


def _kinds(aspects: Sequence[Aspect]) -> set[tuple[str, str, str]]:
    return {(aspect.first, aspect.second, aspect.kind) for aspect in aspects}


def _moon_day(first: Sequence[Point], last: Sequence[Point], ingresses: Sequence[Ingress]) -> MoonDay:
    index = PLANETS.index("moon")
    change = next((ingress.time for ingress in ingresses if ingress.body == "moon"), None)
    return MoonDay(first[index].longitude, last[index].longitude, change)
