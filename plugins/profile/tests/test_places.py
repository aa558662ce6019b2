"""The gazetteer: what people type for a town, what they are shown, and the place at coordinates."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_profile.birth import Place
from astral_profile.labels import coordinates_label, country_name, place_label, place_name
from astral_profile.parse import Coordinates, Parsed, parse_coordinates
from astral_profile.places.index import Hit, load, place_at, search
from astral_profile.places.names import normalize, query_form, title

MOSCOW = Place("Москва", "RU", 55.75204, 37.61781, "Europe/Moscow", 10_381_222)


def names(text: str, language: str = "ru", limit: int = 6) -> list[str]:
    """The names of what a search finds, without coordinates."""
    return [place_name(hit.place, language, hit.near) for hit in search(text, language, limit)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Москва", "Москва, Россия"),
        ("москва", "Москва, Россия"),
        ("МОСКВА ", "Москва, Россия"),
        ("г. Москва", "Москва, Россия"),
        ("город Москва", "Москва, Россия"),
        ("мск", "Москва, Россия"),
        ("моксва", "Москва, Россия"),
        ("Масква", "Москва, Россия"),
        ("Мосва", "Москва, Россия"),
        ("moscow", "Москва, Россия"),
        ("Москва Россия", "Москва, Россия"),
        ("Москва, Россия", "Москва, Россия"),
        ("Санкт-Петербург", "Санкт-Петербург, Россия"),
        ("Санк Петербург", "Санкт-Петербург, Россия"),
        ("санкт петербург", "Санкт-Петербург, Россия"),
        ("Санкт-Питербург", "Санкт-Петербург, Россия"),
        ("спб", "Санкт-Петербург, Россия"),
        ("СПб", "Санкт-Петербург, Россия"),
        ("Питер", "Санкт-Петербург, Россия"),
        ("Ленинград", "Ленинград, Россия"),
        ("Свердловск", "Свердловск, Россия"),
        ("Сталинград", "Сталинград, Россия"),
        ("Екатеринбург", "Екатеринбург, Россия"),
        ("Екатеренбург", "Екатеринбург, Россия"),
        ("Екатер", "Екатеринбург, Россия"),
        ("екб", "Екатеринбург, Россия"),
        ("Ростов", "Ростов-на-Дону, Россия"),
        ("ростов на дону", "Ростов-на-Дону, Россия"),
        ("Нижний", "Нижний Новгород, Россия"),
        ("Нижний Нвгород", "Нижний Новгород, Россия"),
        ("Магнитагорск", "Магнитогорск, Россия"),
        ("Владивасток", "Владивосток, Россия"),
        ("Орел", "Орёл, Россия"),
        ("Орёл", "Орёл, Россия"),
        ("Клин, Московская область", "Клин, Россия"),
        ("Клин Московская область", "Клин, Россия"),
        ("Киев", "Киев, Украина"),
        ("Алма-Ата", "Алматы, Казахстан"),
        ("Гродно", "Гродно, Беларусь"),
        ("Тбилиси", "Тбилиси, Грузия"),
        ("Ташкент", "Ташкент, Узбекистан"),
        ("Нью-Йорк", "Нью-Йорк, США"),
        ("нью йорк", "Нью-Йорк, США"),
        ("new york", "Нью-Йорк, США"),
        ("Лондон", "Лондон, Великобритания"),
        ("London", "Лондон, Великобритания"),
        ("Кельн", "Кёльн, Германия"),
        ("Ульм", "Ульм, Германия"),
    ],
)
def test_russian_searches(text: str, first: str) -> None:
    """Names with slips, old and short names and Latin spellings find the town that is meant, named in Russian."""
    assert names(text)[0] == first


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Moscow", "Moscow, Russia"),
        ("Москва", "Moscow, Russia"),
        ("Moskva", "Moscow, Russia"),
        ("Leningrad", "Saint Petersburg, Russia"),
        ("Munich", "Munich, Germany"),
        ("München", "Munich, Germany"),
        ("Lodz", "Łódź, Poland"),
        ("sao paulo", "São Paulo, Brazil"),
        ("nyc", "New York City, USA"),
        ("San Fransisco", "San Francisco, USA"),
        ("Paris, TX", "Paris, USA"),
        ("Springfield, IL", "Springfield, USA"),
        ("London, Canada", "London, Canada"),
        ("Cambridge, England", "Cambridge, UK"),
        ("St. Petersburg, FL", "St. Petersburg, USA"),
    ],
)
def test_english_searches(text: str, first: str) -> None:
    """English shows English names; a country or US state after a comma chooses among namesakes."""
    assert names(text, "en")[0] == first


@pytest.mark.parametrize(
    "text", ["деревня Гадюкино", "Гадюкино", "asdfgh", "", "  ", ",", "а", "123456", "!!!", "г.", "x" * 4000]
)
def test_nothing_is_found_where_nothing_is_alike(text: str) -> None:
    """What is no town's name gives an empty list: the wizard then asks for a larger town or coordinates."""
    assert search(text, "ru") == []


def test_rostov_lists_both_towns_the_larger_first() -> None:
    """The million city comes before the old town of the same name."""
    assert names("Ростов") == ["Ростов-на-Дону, Россия", "Ростов, Россия"]


def test_a_longer_name_is_offered_after_the_exact_one() -> None:
    """Komsomolsk-on-Amur is found by those who call it Komsomolsk."""
    assert "Комсомольск-на-Амуре, Россия" in names("Комсомольск")


def test_namesakes_are_told_apart_by_a_larger_town() -> None:
    """The three towns Sovetsk and the many Springfields each name another town nearby."""
    assert names("Советск") == [
        "Советск, Россия (рядом: Калининград)",
        "Советск, Россия (рядом: Киров)",
        "Советск, Россия (рядом: Тула)",
    ]
    springfields = search("Springfield", "en")
    assert len(springfields) == 6
    assert {hit.place.name for hit in springfields} == {"Springfield"}
    near = [hit.near for hit in springfields]
    assert None not in near
    assert "Springfield" not in near
    assert len(set(near)) == 6
    populations = [hit.place.population for hit in springfields]
    assert populations == sorted(populations, reverse=True)


def test_a_lone_name_needs_no_town_nearby() -> None:
    """Where nothing is to be told apart, the label stays short."""
    assert search("Новосибирск", "ru")[0].near is None


def test_a_country_after_the_comma_leaves_the_others_out() -> None:
    """ "Paris, France" shows no Paris of Texas; a country that fits no hit is ignored rather than refused."""
    assert {hit.place.country for hit in search("Paris, France", "en")} == {"FR"}
    assert {hit.place.country for hit in search("Париж, Франция", "ru")} == {"FR"}
    assert search("Paris, Russia", "en")[0].place.country == "FR"


def test_the_limit_is_kept() -> None:
    """No more hits than asked for, the likeliest ones."""
    all_six = search("Springfield", "en", limit=6)
    assert [hit.place for hit in search("Springfield", "en", limit=2)] == [hit.place for hit in all_six[:2]]


def test_a_hit_has_all_that_a_birth_needs() -> None:
    """Coordinates to four digits, the zone and the population come with the name."""
    assert search("Москва", "ru")[0] == Hit(dataclasses.replace(MOSCOW, latitude=55.752, longitude=37.6178))


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Байконур", "Asia/Qyzylorda"),
        ("Хандыга", "Asia/Khandyga"),
        ("Усть-Нера", "Asia/Ust-Nera"),
        ("Симферополь", "Europe/Simferopol"),
        ("Калининград", "Europe/Kaliningrad"),
        ("Самара", "Europe/Samara"),
        ("Стокгольм", "Europe/Stockholm"),
    ],
)
def test_zones_of_towns(text: str, zone: str) -> None:
    """Each town has its own zone id, also where GeoNames has a wrong one."""
    assert search(text, "ru")[0].place.zone == zone


@pytest.mark.parametrize(
    ("latitude", "longitude", "name", "country", "zone"),
    [
        (55.75, 37.61, "Москва", "RU", "Europe/Moscow"),
        (59.94, 30.31, "Санкт-Петербург", "RU", "Europe/Moscow"),
        (48.48, 135.07, "Хабаровск", "RU", "Asia/Vladivostok"),
        (40.7127, -74.0059, "Нью-Йорк", "US", "America/New_York"),
        (-33.8679, 151.2073, "Сидней", "AU", "Australia/Sydney"),
        (50.27, 127.54, "Благовещенск", "RU", "Asia/Yakutsk"),
    ],
)
def test_the_place_at_coordinates(latitude: float, longitude: float, name: str, country: str, zone: str) -> None:
    """A point gets the nearest town's name on its own side of the border, and keeps its own coordinates."""
    found = place_at(latitude, longitude, "ru")
    assert (found.name, found.country, found.zone) == (name, country, zone)
    assert (found.latitude, found.longitude) == (latitude, longitude)


def test_where_two_times_are_in_use_the_towns_own_decides() -> None:
    """In Urumqi zones overlap: coordinates give the same zone as the town's name does."""
    assert place_at(43.8, 87.6, "ru").zone == search("Урумчи", "ru")[0].place.zone == "Asia/Urumqi"


def test_a_suburb_is_not_named_for_its_city() -> None:
    """The town nearby that tells namesakes apart is Moscow, not one of its suburbs of 100,000."""
    assert names("Калининград")[1] == "Калининград, Россия (рядом: Москва)"


def test_the_place_at_coordinates_in_english() -> None:
    """The name is in the language of who sent the point."""
    assert place_at(55.75, 37.61, "en").name == "Moscow"


@pytest.mark.parametrize(("latitude", "longitude"), [(0, -150), (-89, 10), (90, 0), (0, 180), (0, -180)])
def test_far_from_towns_the_place_has_no_name(latitude: float, longitude: float) -> None:
    """At sea and at the poles there is a zone but neither name nor country."""
    found = place_at(latitude, longitude, "ru")
    assert (found.name, found.country, found.population) == ("", "", 0)
    assert found.zone


@pytest.mark.parametrize(("latitude", "longitude"), [(91, 0), (0, 181), (math.nan, 0)])
def test_coordinates_beyond_the_earth_are_refused(latitude: float, longitude: float) -> None:
    """A point that is not on the Earth raises ValueError naming the coordinate."""
    with pytest.raises(ValueError, match=r"latitude|longitude"):
        place_at(latitude, longitude, "ru")


@settings(deadline=None, max_examples=60)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_has_a_known_zone(latitude: float, longitude: float) -> None:
    """Wherever a point lies, its zone is one of the tz database."""
    known = files("tzdata").joinpath("zones").read_text("ascii").split()
    assert place_at(latitude, longitude, "en").zone in known


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=40) | st.text(alphabet="москваnewyrk ,.-'", max_size=20), st.sampled_from(["ru", "en"]))
def test_no_text_breaks_the_search(text: str, language: str) -> None:
    """Any text gives at most six hits, each with a name and a label."""
    hits = search(text, language)
    assert len(hits) <= 6
    assert all(hit.place.name and place_label(hit.place, language, hit.near) for hit in hits)


def test_every_zone_of_the_gazetteer_is_known() -> None:
    """No town has a zone that the tz database lacks."""
    known = set(files("tzdata").joinpath("zones").read_text("ascii").split())
    assert set(load().zones) <= known


def test_every_row_is_sound() -> None:
    """Each of the rows makes a valid place, and is found at its own name."""
    index = load()
    assert len(index.lines) > 78_000
    for number in range(0, len(index.lines), 7):
        row = index.row(number)
        Place(row.name, row.country, row.latitude, row.longitude, row.zone, row.population)
        assert number in set(index.called(normalize(row.name))), row.name


def test_big_russian_towns_have_russian_names() -> None:
    """Each town of Russia above 50,000 is shown in Cyrillic whatever letters it was searched by."""
    index = load()
    latin = [
        row.name
        for row in map(index.row, range(len(index.lines)))
        if row.country == "RU" and row.population > 50_000 and not row.russian
    ]
    assert len(latin) <= 3, latin


@pytest.mark.rest
def test_search_and_place_at_run_in_a_worker_process() -> None:
    """Both functions and their results can be pickled, so that the process pool can run them."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(search, "спб", "ru").result()[0].place.name == "Санкт-Петербург"
        assert pool.submit(place_at, 55.75, 37.61, "ru").result().name == "Москва"


def test_the_index_is_loaded_once_a_process() -> None:
    """Searches share one index."""
    before = load()
    search("Москва", "ru")
    assert load() is before


def test_hits_can_be_pickled() -> None:
    """Hits travel between processes unchanged."""
    hits = search("Советск", "ru")
    assert pickle.loads(pickle.dumps(hits)) == hits  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ёлкино", "елкино"),
        ("Йошкар-Ола", "иошкар ола"),
        ("São Paulo", "sao paulo"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("Qo‘qon’", "qoqon"),
        ("a|b\tc\n", "a|b\tc\n"),
    ],
)
def test_normal_form(text: str, expected: str) -> None:
    """Case, accents, hyphens and apostrophes do not count; separators of tables are kept."""
    assert normalize(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_the_normal_form_keeps_columns(text: str) -> None:
    """Normalizing a line keeps its columns apart, so that tables can be normalized at once."""
    assert normalize(f"a\t{normalize(text)}\nb").split("\t")[0] == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  г.Москва ", "москва"),
        ("пос. Ильинский", "ильинскии"),
        ("деревня Гадюкино", "гадюкино"),
        ("С-Петербург", "санкт петербург"),
        ("Город", "город"),
        ("Городец", "городец"),
        ("Село", "село"),
        ("«Москва»!", "москва"),
    ],
)
def test_query_form(text: str, expected: str) -> None:
    """Words for kinds of settlement are cut only before a name, abbreviations are spelt out."""
    assert query_form(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ростов-на-дону", "Ростов-на-Дону"),
        ("санкт петербург", "Санкт Петербург"),
        ("Рио-де-Жанейро", "Рио-де-Жанейро"),
        ("На", "На"),
        ("", ""),
    ],
)
def test_title(name: str, expected: str) -> None:
    """Names get capitals as on a map, small words within stay small."""
    assert title(name) == expected


def test_labels() -> None:
    """A place is told by name, country and coordinates in the language of the reader."""
    assert place_label(MOSCOW, "ru") == "Москва, Россия · 55.75° с. ш., 37.62° в. д."
    assert place_label(MOSCOW, "ru-RU", near="Химки").startswith("Москва, Россия (рядом: Химки) · ")
    springfield = Place("Springfield", "US", -39.8, -89.644, "America/Chicago")
    assert place_label(springfield, "en", "Peoria") == "Springfield, USA (near Peoria) · 39.80° S, 89.64° W"
    assert place_label(Place("", "", 0.0, -30.0, "Etc/GMT+2"), "en", near="x") == "0.00° N, 30.00° W"


@pytest.mark.parametrize(
    ("country", "language", "name"),
    [("RU", "ru", "Россия"), ("KZ", "en", "Kazakhstan"), ("US", "ru", "США"), ("", "ru", ""), ("QQ", "en", "QQ")],
)
def test_country_names(country: str, language: str, name: str) -> None:
    """Countries are named as people say them; a code that CLDR does not know stays."""
    assert country_name(country, language) == name


@given(st.floats(-90, 90), st.floats(-180, 180), st.sampled_from(["ru", "en"]))
def test_coordinate_labels_can_be_typed_back(latitude: float, longitude: float, language: str) -> None:
    """What the label shows is understood as coordinates again, to the hundredth of a degree."""
    result = parse_coordinates(coordinates_label(latitude, longitude, language))
    assert isinstance(result, Parsed)
    assert isinstance(result.value, Coordinates)
    assert result.value.latitude == pytest.approx(latitude, abs=0.00501)
    assert result.value.longitude == pytest.approx(longitude, abs=0.00501)


def test_the_sources_are_named() -> None:
    """The licence of GeoNames asks for attribution: the notice is part of the package."""
    notice = files("astral_profile.places").joinpath("NOTICE.md").read_text("utf-8")
    assert "GeoNames" in notice
    assert "creativecommons.org/licenses/by/4.0" in notice
    zones = files("astral_profile").joinpath("backzone", "NOTICE.md").read_text("utf-8")
    assert "public domain" in zones
