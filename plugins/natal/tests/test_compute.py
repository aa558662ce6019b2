"""The entry for the process pool: requests in, charts out, both picklable, nothing heavy in the main process."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_natal import engine
from astral_natal.aspects import find_aspects
from astral_natal.compute import compute_chart, warm
from astral_natal.errors import DateOutOfRange, InvalidChartRequest
from astral_natal.houses import house_of
from astral_natal.julian import julian_day
from astral_natal.model import SIGNS, Chart, ChartRequest, HouseSystem, Ingress, sign_of

MOSCOW = ChartRequest(2448057.9375, 55.75204, 37.61781)
HOUR = 3600


def day(year: int, month: int, date: int, offset: float = 0.0) -> ChartRequest:
    """A birth in Moscow at an unknown time of that local day, `offset` seconds east of UTC."""
    start = julian_day(datetime(year, month, date, tzinfo=UTC) - timedelta(seconds=offset))
    return replace(
        MOSCOW,
        jd_ut=start + 0.5,
        time_known=False,
        day_start_jd=start,
        day_end_jd=start + 1.0,
        utc_offset=offset,
    )


def test_a_chart_holds_its_request_and_its_houses() -> None:
    """Place, moment and engine are kept; every point stands in the house that its longitude falls in."""
    chart = compute_chart(MOSCOW)
    assert (chart.jd_ut, chart.latitude, chart.longitude) == (MOSCOW.jd_ut, MOSCOW.latitude, MOSCOW.longitude)
    assert chart.engine == engine.ENGINE
    assert chart.moon_day is None
    assert chart.ingresses == ()
    assert chart.houses is not None
    cusps = chart.houses.cusps
    assert all(point.house == house_of(point.longitude, cusps) for point in chart.points)
    assert chart.aspects == find_aspects(chart.points)
    assert chart.point("sun") is chart.points[0]
    with pytest.raises(KeyError):
        chart.point("vulcan")


@settings(max_examples=20, deadline=None)
@given(
    jd=st.floats(2415000, 2470000),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    system=st.sampled_from(HouseSystem),
)
def test_any_place_and_time_gives_a_chart(jd: float, latitude: float, longitude: float, system: HouseSystem) -> None:
    """No place on Earth, the poles included, and no moment of the range fails; all houses are 1..12."""
    chart = compute_chart(ChartRequest(jd, latitude, longitude, system))
    assert chart.houses is not None
    assert chart.houses.requested is system
    assert all(point.house in range(1, 13) for point in chart.points)


def test_east_is_positive() -> None:
    """Fifteen degrees further east the sky has turned as it will here in one sidereal hour."""
    east = compute_chart(replace(MOSCOW, longitude=MOSCOW.longitude + 15)).houses
    later = compute_chart(replace(MOSCOW, jd_ut=MOSCOW.jd_ut + 1 / 24.06571)).houses
    assert east is not None
    assert later is not None
    assert east.ascendant == pytest.approx(later.ascendant, abs=0.01)


def test_the_moon_changes_its_sign_at_the_printed_minute() -> None:
    """The ingress is the minute in which the Moon's sign changes, in local wall time."""
    request = day(1990, 6, 16, 4 * HOUR)
    chart = compute_chart(request)
    assert chart.moon_day is not None
    assert chart.moon_day.sign_change is not None
    assert request.day_start_jd is not None
    hours, minutes = map(int, chart.moon_day.sign_change.split(":"))
    shown = request.day_start_jd + (hours * 60 + minutes) / 1440
    assert sign_of(engine.longitude("moon", shown - 1 / 86400)) == sign_of(chart.moon_day.start)
    assert sign_of(engine.longitude("moon", shown + 61 / 86400)) == sign_of(chart.moon_day.end)
    assert chart.ingresses == (Ingress("moon", chart.moon_day.sign_change, "pisces", "aries"),)


def test_a_moon_that_stays_has_no_ingress() -> None:
    """A day within one sign gives its range and no time."""
    chart = compute_chart(day(1990, 6, 15, 4 * HOUR))
    assert chart.moon_day is not None
    assert chart.moon_day.sign_change is None
    assert SIGNS[sign_of(chart.moon_day.start)] == SIGNS[sign_of(chart.moon_day.end)] == "pisces"
    assert chart.moon_day.start < chart.point("moon").longitude < chart.moon_day.end
    assert chart.houses is None
    assert {point.house for point in chart.points} == {None}


def test_a_sun_that_changes_its_sign_is_told() -> None:
    """On the solstice of 1990 (15:33 UTC) the Sun itself is uncertain without a time."""
    chart = compute_chart(day(1990, 6, 21, 4 * HOUR))
    assert Ingress("sun", "19:32", "gemini", "cancer") in chart.ingresses or (
        Ingress("sun", "19:33", "gemini", "cancer") in chart.ingresses
    )


def test_clocks_that_change_on_the_day_change_the_printed_time() -> None:
    """After a clock change the ingress is told by the new clock, before it by the old one."""
    request = day(1990, 6, 16, 4 * HOUR)
    assert request.day_start_jd is not None
    plain = compute_chart(request).moon_day
    early = compute_chart(replace(request, offset_change=(request.day_start_jd + 3 / 24, 3.0 * HOUR))).moon_day
    late = compute_chart(replace(request, offset_change=(request.day_start_jd + 23 / 24, 3.0 * HOUR))).moon_day
    assert plain is not None
    assert early is not None
    assert late is not None
    assert plain.sign_change == late.sign_change == "17:54"
    assert early.sign_change == "16:54"


@settings(max_examples=10, deadline=None)
@given(days=st.integers(0, 50000))
def test_without_a_time_only_lasting_aspects_are_told(days: int) -> None:
    """Each aspect of the noon chart that is told holds at both midnights too; each that does not is left out."""
    start = 2415100.5 + days
    request = replace(MOSCOW, jd_ut=start + 0.5, time_known=False, day_start_jd=start, day_end_jd=start + 1)
    kinds = [
        {(aspect.first, aspect.second, aspect.kind) for aspect in find_aspects(engine.positions(jd))}
        for jd in (start, start + 0.5, start + 1)
    ]
    chart = compute_chart(request)
    assert {(a.first, a.second, a.kind) for a in chart.aspects} == kinds[0] & kinds[1] & kinds[2]


NAN = float("nan")
UNKNOWN = replace(MOSCOW, time_known=False, day_start_jd=MOSCOW.jd_ut - 0.5, day_end_jd=MOSCOW.jd_ut + 0.5)


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (replace(MOSCOW, latitude=90.01), "latitude"),
        (replace(MOSCOW, latitude=NAN), "latitude"),
        (replace(MOSCOW, longitude=-180.01), "longitude"),
        (replace(MOSCOW, longitude=NAN), "longitude"),
        (replace(MOSCOW, jd_ut=NAN), "Julian day"),
        (replace(MOSCOW, jd_ut=float("inf")), "Julian day"),
        (replace(MOSCOW, time_known=False), "day_start_jd"),
        (replace(UNKNOWN, day_end_jd=None), "day_end_jd"),
        (replace(UNKNOWN, day_end_jd=MOSCOW.jd_ut + 2), "30 hours"),
        (replace(UNKNOWN, day_start_jd=MOSCOW.jd_ut + 0.1), "30 hours"),
        (replace(UNKNOWN, day_start_jd=NAN), "30 hours"),
        (replace(UNKNOWN, utc_offset=NAN), "offset"),
        (replace(UNKNOWN, offset_change=(MOSCOW.jd_ut, 90000.0)), "offset"),
    ],
)
def test_a_senseless_request_is_refused(request_: ChartRequest, what: str) -> None:
    """What is wrong is named; the birth data is not repeated, because errors are logged."""
    with pytest.raises(InvalidChartRequest, match=what) as caught:
        compute_chart(request_)
    assert "2448057" not in str(caught.value)
    assert "37.6" not in str(caught.value)


def test_the_pool_returns_charts_and_errors() -> None:
    """A spawned worker gives the same chart as this process, and its errors arrive as what they are."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=warm) as pool:
        chart = pool.submit(compute_chart, MOSCOW).result()
        outside = pool.submit(compute_chart, replace(MOSCOW, jd_ut=2400000.5))
        senseless = pool.submit(compute_chart, replace(MOSCOW, latitude=91.0))
        assert isinstance(outside.exception(), DateOutOfRange)
        assert isinstance(senseless.exception(), InvalidChartRequest)
    assert isinstance(chart, Chart)
    assert chart == compute_chart(MOSCOW)


def test_requests_and_charts_survive_pickling() -> None:
    """Everything that crosses the process border comes back equal."""
    for value in (MOSCOW, UNKNOWN, compute_chart(MOSCOW), compute_chart(UNKNOWN)):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes


@pytest.mark.parametrize("module", ["model", "compute", "encode", "julian", "houses", "aspects", "errors"])
def test_the_main_process_stays_light(module: str) -> None:
    """A bare `import astral_natal.<module>` loads neither numpy nor Skyfield: these belong to the worker."""
    assert _heavy_after(f"import astral_natal.{module}") == ""


def test_the_engine_belongs_to_the_worker() -> None:
    """The engine does load them, and so does the first chart; neither warns at import."""
    assert _heavy_after("import astral_natal.engine") == "numpy skyfield"
    assert _heavy_after("from astral_natal.compute import warm; warm()") == "numpy skyfield"


def _heavy_after(statement: str) -> str:
    """Which heavy libraries a fresh interpreter, warnings being errors, has loaded after `statement`."""
    code = f"import sys; {statement}; print(*sorted({{'numpy', 'skyfield'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()
