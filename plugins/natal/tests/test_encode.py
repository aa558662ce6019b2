"""Charts as JSON: readable by machines, complete enough to come back as the same chart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from astral_natal.compute import compute_chart
from astral_natal.encode import SCHEMA, decode_chart, encode_chart
from astral_natal.errors import ChartFormatError
from astral_natal.model import NODES, PLANETS, SIGNS, Chart, ChartRequest, HouseSystem

MOSCOW = ChartRequest(2448057.9375, 55.75204, 37.61781)
REQUESTS = [
    MOSCOW,
    ChartRequest(2440597.0138, 68.97917, 33.09251),
    ChartRequest(MOSCOW.jd_ut, -37.8, 144.9, HouseSystem.WHOLE_SIGN),
    ChartRequest(
        2448059.0, 55.7, 37.6, time_known=False, day_start_jd=2448058.5, day_end_jd=2448059.5, utc_offset=14400
    ),
]


@pytest.fixture
def data() -> dict[str, Any]:
    """The encoded chart of 15 June 1990, 14:30 in Moscow."""
    return encode_chart(compute_chart(MOSCOW))


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_chart_survives_json(request_: ChartRequest) -> None:
    """Encoded, written as strict JSON, read and decoded, it is the same chart to the last bit."""
    chart = compute_chart(request_)
    text = json.dumps(encode_chart(chart), allow_nan=False)
    assert decode_chart(json.loads(text)) == chart


def test_points_are_told_in_full(data: dict[str, Any]) -> None:
    """Each point has its longitude, sign, degree, minute, speed, direction and house."""
    points = {point["id"]: point for point in data["points"]}
    assert set(points) == {*PLANETS, *NODES}
    sun, saturn = points["sun"], points["saturn"]
    assert sun["longitude"] == pytest.approx(84.069861, abs=0.001)
    assert (sun["sign"], sun["degree"], sun["minute"], sun["house"]) == ("gemini", 24, 4, 9)
    assert sun["retrograde"] is False
    assert saturn["retrograde"] is True
    assert saturn["speed"] == pytest.approx(-0.058574, abs=0.001)
    for point in points.values():
        whole = SIGNS.index(point["sign"]) * 30 + point["degree"] + point["minute"] / 60
        assert 0 <= point["longitude"] - whole < 1 / 60 + 1e-9


def test_houses_and_aspects_are_told_in_full(data: dict[str, Any]) -> None:
    """Angles and cusps are longitudes in degrees; an aspect has both bodies, kind, orb and direction."""
    houses = data["houses"]
    assert (houses["system"], houses["requested"]) == ("placidus", "placidus")
    assert houses["ascendant"] == houses["cusps"][0] == pytest.approx(185.703894, abs=0.003)
    assert houses["midheaven"] == houses["cusps"][9] == pytest.approx(97.869837, abs=0.003)
    assert len(houses["cusps"]) == 12
    assert {"first", "second", "kind", "orb", "exactness", "applying"} == set(data["aspects"][0])
    assert data["schema"] == SCHEMA


def test_an_unknown_time_is_told_as_such() -> None:
    """Without a time `houses` is null and the Moon's day and all ingresses are there."""
    data = encode_chart(compute_chart(REQUESTS[3]))
    assert data["houses"] is None
    assert set(data["moon_day"]) == {"start", "end", "sign_change"}
    assert all(point["house"] is None for point in data["points"])
    (ingress,) = data["ingresses"]
    assert ingress == {"body": "moon", "time": data["moon_day"]["sign_change"], "before": "pisces", "after": "aries"}


def test_another_schema_is_refused(data: dict[str, Any]) -> None:
    """A chart stored by another version is not guessed at."""
    for schema in (SCHEMA + 1, "1", None):
        with pytest.raises(ChartFormatError, match="compute the chart again"):
            decode_chart({**data, "schema": schema})
    with pytest.raises(ChartFormatError):
        decode_chart({})


@pytest.mark.parametrize(
    "damage",
    [{"points": 5}, {"houses": {"system": "koch"}}, {"jd_ut": "noon"}, {"aspects": [{"first": "sun"}]}],
)
def test_a_damaged_chart_is_refused(data: dict[str, Any], damage: dict[str, Any]) -> None:
    """Wrong types and missing fields get the plugin's own error, with the way out."""
    with pytest.raises(ChartFormatError, match="damaged"):
        decode_chart({**data, **damage})


def test_decoding_gives_the_models_own_types(data: dict[str, Any]) -> None:
    """Tuples and enums come back as such, so a decoded chart can be hashed and matched."""
    chart = decode_chart(json.loads(json.dumps(data)))
    assert isinstance(chart, Chart)
    assert chart.houses is not None
    assert chart.houses.system is HouseSystem.PLACIDUS
    assert isinstance(hash(chart), int)
