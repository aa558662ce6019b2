"""`astral natal chart`: right numbers, clear errors, no token and no database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from astral_core.cli import cli
from astral_natal.cli import natal
from astral_natal.model import NODES, PLANETS, signed_arc

DATA = json.loads((Path(__file__).parent / "data" / "charts.json").read_text(encoding="utf-8"))
CHARTS = {chart["id"]: chart for chart in DATA["charts"]}
TOLERANCES = DATA["tolerances_arcsec"]
MOSCOW = ["--lat", "55.7522", "--lon", "37.6156", "--tz", "Europe/Moscow"]
BIRTH = ["--date", "1990-06-15", "--time", "14:30", *MOSCOW]


def run(*args: str, ok: bool = True) -> str:
    """What the command prints; its errors where it is to fail."""
    result = CliRunner().invoke(natal, ["chart", *args])
    assert (result.exit_code == 0) is ok, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.output


def asked(facts) -> list[str]:
    """The options for one of the reference charts."""
    clock = ["--time", facts["local_time"], "--fold", str(facts["fold"])] if facts["local_time"] else []
    where = ["--lat", str(facts["lat"]), "--lon", str(facts["lon"]), "--tz", facts["tz"]]
    return ["--date", facts["local_date"], *clock, *where]


def arcseconds(one: float, other: float) -> float:
    return abs(signed_arc(one, other)) * 3600


@pytest.mark.parametrize("name", ["moscow1990", "moscow2012", "diana", "minogue", "fold1985a", "fold1985b"])
def test_charts_agree_with_the_reference(name):
    """From date, wall time and zone to longitudes, houses and cusps, within the tolerances of the reference."""
    facts = CHARTS[name]
    found = json.loads(run(*asked(facts), "--json"))
    assert found["utc_offset_seconds"] == facts["utc_offset_seconds"]
    points = {point["id"]: point for point in found["points"]}
    assert set(points) == {*PLANETS, *NODES}
    for body, expected in facts["points"].items():
        limit = TOLERANCES.get(body, TOLERANCES["planets"])
        assert arcseconds(points[body]["longitude"], expected["lon"]) <= limit, body
    limit = max(5.0, 1.2 * facts["houses"]["asc_arcsec_per_second_of_time"])
    houses = found["houses"]
    assert arcseconds(houses["ascendant"], facts["houses"]["asc"]) <= limit
    assert arcseconds(houses["midheaven"], facts["houses"]["mc"]) <= limit
    for cusp, expected in zip(houses["cusps"], facts["houses"]["placidus"], strict=True):
        assert arcseconds(cusp, expected) <= limit
    assert {point["id"]: point["house"] for point in found["points"]} == facts["houses"]["houses_of_points"]
    assert {"first", "second", "kind", "orb"} <= set(found["aspects"][0])


def test_the_json_says_what_it_was_computed_from():
    """Date, time, zone, UTC and the readable position of the Sun."""
    found = json.loads(run(*BIRTH, "--json"))
    assert (found["date"], found["time"], found["timezone"]) == ("1990-06-15", "14:30:00", "Europe/Moscow")
    assert found["utc"] == "1990-06-15T10:30:00+00:00"
    sun = found["points"][0]
    assert (sun["sign"], sun["degree"], sun["minute"], sun["retrograde"]) == ("gemini", 24, 4, False)
    assert found["houses"]["system"] == "placidus"


def test_the_table_is_for_people():
    """Planets, angles, houses and aspects in words, in both languages."""
    russian = run(*BIRTH, "--lang", "ru", "--place", "Москва")
    for words in ("1990-06-15 14:30 (UTC+4) · Москва", "Солнце", "24°04′", "℞", "Плацидус", "Весы", "оппозиция"):
        assert words in russian
    english = run(*BIRTH)
    for words in ("Sun", "Gemini", "Libra", "Placidus houses", "opposition"):
        assert words in english
    assert max(len(line) for line in english.splitlines()) <= 100


def test_a_place_is_found_by_its_name():
    """Without coordinates the gazetteer is asked, and its zone taken."""
    found = json.loads(run("--date", "1990-06-15", "--time", "14:30", "--place", "Москва", "--lang", "ru", "--json"))
    assert found["place"] == {"name": "Москва", "country": "RU"}
    assert found["timezone"] == "Europe/Moscow"
    assert abs(found["points"][0]["longitude"] - 84.07) < 0.01


def test_coordinates_alone_have_a_zone_too():
    """Without --tz the zone is that of the coordinates."""
    found = json.loads(run("--date", "1990-06-15", "--time", "14:30", "--lat", "55.75", "--lon", "37.62", "--json"))
    assert found["timezone"] == "Europe/Moscow"


def test_the_house_system_can_be_chosen():
    """Whole sign houses begin at the sign of the Ascendant."""
    found = json.loads(run(*BIRTH, "--houses", "whole_sign", "--json"))
    assert found["houses"]["cusps"][0] == 180.0


def test_an_unknown_time_has_no_houses():
    """Without --time there are no houses in JSON, and the table says why."""
    found = json.loads(run(*asked(CHARTS["gagarin"]), "--json"))
    assert found["houses"] is None
    assert found["moon_day"]["sign_change"]
    table = run(*asked(CHARTS["gagarin"]))
    assert "Birth time unknown" in table
    assert f"Moon enters Capricorn at {found['moon_day']['sign_change']}" in table


def test_other_houses_than_asked_for_are_named():
    """Beyond the polar circle the table says that Porphyry stands in for Placidus."""
    table = run(*asked(CHARTS["murmansk1970"]))
    assert "Placidus is undefined" in table
    assert "Porphyry houses" in table


def test_the_picture_is_written(tmp_path):
    """--png writes a PNG and names the file."""
    path = tmp_path / "chart.png"
    assert str(path) in run(*BIRTH, "--png", str(path), "--theme", "paper", "--name", "Анна").replace("\n", "")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--date", "1990-02-31", "--time", "14:30", *MOSCOW], "no date of the calendar"),
        (["--date", "1990-06-15", "--time", "25:00", *MOSCOW], "no time of day"),
        (["--date", "1985-09-29", "--time", "02:30", *MOSCOW], "--fold 0 (UTC+4) or --fold 1 (UTC+3)"),
        (["--date", "1981-04-01", "--time", "00:30", *MOSCOW], "They showed 1981-04-01 01:30:00"),
        (["--date", "2011-12-30", "--lat", "-13.8", "--lon", "-171.8", "--tz", "Pacific/Apia"], "was skipped"),
        (["--date", "1890-01-01", "--time", "12:00", *MOSCOW], "1890-01-01 is not within"),
        (["--date", "2053-10-08", "--time", "12:00", *MOSCOW], "ephemeris"),
        (["--date", "1990-06-15", "--place", "ыщщшгъьх"], "no place is called"),
        (["--date", "1990-06-15", "--lat", "55"], "go together"),
        (["--date", "1990-06-15"], "where was it?"),
        (["--date", "1990-06-15", "--lat", "95", "--lon", "37"], "95"),
        (["--date", "1990-06-15", "--lat", "55", "--lon", "37", "--tz", "Mars/Olympus"], "Mars/Olympus"),
        (["--date", "1990-06-15", "--lat", "55", "--lon", "37", "--tz", "not a zone"], "IANA"),
        ([*BIRTH, "--png", "/nowhere/at/all.png"], "cannot be written"),
        ([*BIRTH, "--houses", "koch"], "koch"),
    ],
)
def test_errors_say_what_is_wrong(args, words):
    """Every wrong input ends with a sentence about it, not with a traceback."""
    output = run(*args, ok=False)
    assert words in " ".join(output.split())
    assert "Traceback" not in output


def test_it_is_a_command_of_astral():
    """`astral natal chart` is found by the entry point."""
    result = CliRunner().invoke(cli, ["natal", "chart", *BIRTH, "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["points"][0]["id"] == "sun"


@pytest.mark.rest
def test_it_needs_no_token_and_no_database(tmp_path):
    """In an empty folder, without any setting, it computes and leaves no file behind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASTRAL_")}
    command = [sys.executable, "-c", "from astral_core.cli import main; main()", "natal", "chart", *BIRTH, "--json"]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["houses"]["system"] == "placidus"
    assert list(tmp_path.iterdir()) == []
