"""Search of the gazetteer by name, and the place at given coordinates.

`search` and `place_at` are meant for a worker process: the index is loaded at the first call, once a process
(about half a second and 50 MB). Importing this module loads nothing heavy.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from itertools import chain, repeat

from astral_profile.birth import Place
from astral_profile.places.names import normalize, query_form, title

_FUZZY_FROM = 72.0
_SIMILAR_FROM = 70.0
_WORSE_BY = 12.0
_SAME_NAME_FROM = 60.0
_LARGE = 100_000
_TOWN_KM = 100.0
_BORDER_KM = 20.0
_SUBURB_KM = 25.0
_TWIN_KM = 12.0
_CITY_DENSITY = 15_000.0  # people per km²
_MAX_QUERY = 100
_EARTH_KM = 6371.0
_CYRILLIC = re.compile("[\u0400-\u04ff]")


@dataclass(frozen=True, slots=True)
class Hit:
    """A place found; `near` names a larger town where namesakes of the same country must be told apart."""

    place: Place
    near: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the gazetteer."""

    name: str
    country: str
    admin1: str
    latitude: float
    longitude: float
    zone: str
    population: int
    russian: str
    aliases: tuple[str, ...]

    def label(self, *, russian: bool) -> str:
        return (self.russian or self.name) if russian else self.name


@dataclass(frozen=True)
class _Index:
    """The gazetteer in memory: rows as text, and every normalized name with the number of its row."""

    zones: list[str]
    lines: list[str]
    names: list[str]  # sorted, one entry for each name of each row
    owners: array[int]  # beside `names`: the row
    latitudes: array[float]
    longitudes: array[float]
    large: list[int]

    def row(self, number: int) -> _Row:
        """Return a row by its number."""
        name, country, admin1, latitude, longitude, zone, population, russian, aliases = self.lines[number].split(
            "\t"
        )
        return _Row(
            name,
            country,
            admin1,
            float(latitude),
            float(longitude),
            self.zones[int(zone)],
            int(population),
            russian,
            tuple(aliases.split("|")) if aliases else (),
        )

    def called(self, form: str) -> Iterator[int]:
        """Yield the rows with exactly this normalized name."""
        for i in range(bisect_left(self.names, form), bisect_right(self.names, form)):
            yield self.owners[i]

    def beginning(self, form: str, limit: int = 25) -> Iterator[tuple[int, float]]:
        """Yield the most populous rows with a normalized name that begins so, and the share of it that is given."""
        found: dict[int, float] = {}
        for i in range(bisect_left(self.names, form), bisect_left(self.names, form + "\uffff")):
            found[self.owners[i]] = max(len(form) / len(self.names[i]), found.get(self.owners[i], 0.0))
        largest = sorted(found, key=lambda number: -int(self.lines[number].split("\t", 7)[6]))
        yield from ((number, found[number]) for number in largest[:limit])


@lru_cache(maxsize=1)
def load() -> _Index:
    """Return the index, read from the package at the first call in a process."""
    import lzma

    packed = files("astral_profile.places").joinpath("places.tsv.xz").read_bytes()
    text = lzma.decompress(packed).decode()
    head, body = text.split("\n", 1)
    lines = body.split("\n")
    names: list[str] = []
    owners = array("I")
    latitudes, longitudes = array("f"), array("f")
    large: list[int] = []
    # Normalizing the whole table at once is ten times faster than name by name.
    for number, line in enumerate(normalize(body).split("\n")):
        name, _, _, _, _, _, population, russian, aliases = line.split("\t")
        forms = {name, russian, *aliases.split("|")}
        forms.discard("")
        names.extend(forms)
        owners.extend(repeat(number, len(forms)))
        latitude, longitude = lines[number].split("\t", 5)[3:5]
        latitudes.append(float(latitude))
        longitudes.append(float(longitude))
        if int(population) >= _LARGE:
            large.append(number)
    order = sorted(range(len(names)), key=names.__getitem__)
    return _Index(
        head.split("\t"),
        lines,
        [names[i] for i in order],
        array("I", (owners[i] for i in order)),
        latitudes,
        longitudes,
        large,
    )


def search(text: str, language: str, limit: int = 6) -> list[Hit]:
    """Return the places that a person may mean, the likeliest first; an empty list when none is alike.

    `text` is a name in any script and spelling that GeoNames knows, also with slips; after a comma may follow a
    country or a US state ("Springfield, IL"). `language` is that of the names returned: "ru" or else English.
    """
    index = load()
    name, _, rest = text[:_MAX_QUERY].partition(",")
    form = query_form(name)
    if not form:
        return []
    russian = language.lower().startswith("ru")
    wanted = {normalize(part.strip()) for part in rest.split(",") if part.strip()}
    form, scored = _scored(index, form)
    rows = {number: index.row(number) for number in scored}
    ranks = {number: score + 4 * math.log10(rows[number].population + 1) for number, score in scored.items()}
    if there := [number for number in ranks if _lies_in(rows[number], wanted)]:
        ranks = {number: ranks[number] for number in there}
    best = sorted(ranks, key=lambda number: (-ranks[number], number))
    kept = _without_twins(rows[number] for number in best[: 4 * limit])[:limit]
    return _told_apart(index, [(row, _shown(row, form, russian=russian)) for row in kept], russian=russian)


def place_at(latitude: float, longitude: float, language: str) -> Place:
    """Return the place at given degrees: the zone there, and name and country of the nearest town or of the city.

    Farther than 100 km from any town of the gazetteer the name and the country are empty.

    Raises:
        ValueError: the coordinates are not on the Earth.
    """
    import tzfpy

    # Made first, because it checks the coordinates: the zone polygons answer nonsense beyond their range.
    point = Place("", "", latitude, longitude, "Etc/UTC")
    zones = [str(zone) for zone in tzfpy.get_tzs(longitude, latitude)] or [point.zone]
    index = load()
    near = []
    for distance, number in _around(index, latitude, longitude, range(len(index.lines))):
        if distance <= _TOWN_KM:
            row = index.row(number)
            # Across a border the nearest town may be a foreign one: one that keeps the same time goes first.
            near.append((distance + (0 if row.zone in zones else _BORDER_KM), number, row))
    if not near:
        return replace(point, zone=zones[0])
    # A district of a big city is named after the city: people say Berlin, not Mitte.
    around = [row for distance, _, row in near if distance <= _built_up_km(row.population)]
    town = max(around, key=lambda row: row.population, default=min(near)[2])
    # Zones may overlap where two times are in use (Urumqi): then the town's own decides.
    zone = town.zone if town.zone in zones else zones[0]
    name = town.label(russian=language.lower().startswith("ru"))
    return Place(name, town.country, latitude, longitude, zone, town.population)


def _built_up_km(population: int) -> float:
    """Return the radius of the disc that a town fills at the density of a big city."""
    return math.sqrt(population / (math.pi * _CITY_DENSITY))


def _scored(index: _Index, form: str) -> tuple[str, dict[int, float]]:
    """Return the part of the form that is a name, and the rows that it may mean with their likeness.

    Where nothing is alike, the words at the end are taken for a region: "клин московская область" finds Klin.
    """
    scored: dict[int, float] = {}
    for number, alike in _candidates(index, form):
        scored[number] = max(alike, scored.get(number, 0.0))
    words = form.split(" ")
    while not scored and len(words) > 1:
        words.pop()
        form = query_form(" ".join(words))
        scored = dict.fromkeys(index.called(form), 100.0)
    return form, scored


def _candidates(index: _Index, form: str) -> Iterator[tuple[int, float]]:
    """Yield rows with their likeness (0..100): exact and longer names, and only without them similar ones."""
    exact = [(number, 100.0) for number in index.called(form)]
    yield from exact
    if len(form) >= 3:
        yield from ((number, 92.0) for number, _ in index.beginning(form + " "))
    if exact or len(form) < 3:
        return
    yield from ((number, 70 + 20 * share) for number, share in index.beginning(form))
    yield from _similar(index, form)


def _similar(index: _Index, form: str) -> list[tuple[int, float]]:
    """Return rows with names a slip or two away from the form, with their likeness.

    The quick ratio only preselects; the likeness is by optimal string alignment, which counts two swapped letters
    as one slip. Names much worse than the best are left out: they are noise beside it.
    """
    from rapidfuzz import fuzz, process
    from rapidfuzz.distance import OSA

    found = process.extract(form, index.names, scorer=fuzz.ratio, limit=60, score_cutoff=_FUZZY_FROM)
    alike = [(index.owners[at], 100 * OSA.normalized_similarity(form, name)) for name, _, at in found]
    worst = max((likeness for _, likeness in alike), default=0.0) - _WORSE_BY
    return [(number, likeness) for number, likeness in alike if likeness >= max(worst, _SIMILAR_FROM)]


def _lies_in(row: _Row, wanted: set[str]) -> bool:
    """Whether the row lies in a country or state of those names."""
    if not wanted:
        return False
    from astral_profile.labels import country_name

    own = {row.country, country_name(row.country, "ru"), country_name(row.country, "en")}
    if row.country == "US":
        own |= {row.admin1, "United States", "Америка", "Соединённые Штаты"}
    elif row.country == "GB":
        own |= {"United Kingdom"} | ({"England", "Англия"} if row.admin1 == "ENG" else set())
    return not wanted.isdisjoint(normalize(name) for name in own)


def _shown(row: _Row, form: str, *, russian: bool) -> str:
    """Return the name to show: the official one, or the one searched by where that is quite another name."""
    if not russian:
        return row.name
    from rapidfuzz import fuzz

    cyrillic = [name for name in row.aliases if _CYRILLIC.search(name)]
    likeness = {name: fuzz.ratio(normalize(name), form) for name in chain(filter(None, [row.russian]), cyrillic)}
    matched = max(likeness, key=likeness.__getitem__, default="")
    if not matched or not _CYRILLIC.search(form):
        return row.label(russian=True)
    if row.russian and fuzz.ratio(normalize(row.russian), normalize(matched)) >= _SAME_NAME_FROM:
        return row.russian
    return title(matched)


def _without_twins(rows: Iterable[_Row]) -> list[_Row]:
    """Drop the second of two rows for one town: GeoNames lists some towns and their districts twice."""
    kept: list[_Row] = []
    for row in rows:
        twin = any(
            row.country == other.country
            and _km(row.latitude, row.longitude, other.latitude, other.longitude) < _TWIN_KM
            and _related(row, other)
            for other in kept
        )
        if not twin:
            kept.append(row)
    return kept


def _related(row: _Row, other: _Row) -> bool:
    """Whether two rows share a name, in any of the scripts."""
    own = {normalize(name) for name in (row.name, row.russian) if name}
    return bool(own & {normalize(name) for name in (other.name, other.russian) if name})


def _told_apart(index: _Index, found: list[tuple[_Row, str]], *, russian: bool) -> list[Hit]:
    """Return the hits, namesakes of one country with the name of a large town nearby."""
    hits = []
    for row, name in found:
        alike = [other for other, shown in found if shown == name or other.name == row.name]
        namesakes = sum(other.country == row.country for other in alike)
        near = _near(index, row, name, russian=russian) if namesakes > 1 else None
        place = Place(name, row.country, row.latitude, row.longitude, row.zone, row.population)
        hits.append(Hit(place, near))
    return hits


def _near(index: _Index, row: _Row, name: str, *, russian: bool) -> str | None:
    """Return the name of a large town nearby, of the same country but another name.

    It is the nearest, or a larger one hardly farther, so that Moscow is named rather than a suburb.
    """
    around = ((distance, index.row(number)) for distance, number in _nearest_large(index, row))
    towns = [
        (distance, other)
        for distance, other in around
        if other.country == row.country and other.name != row.name and other.label(russian=russian) != name
    ]
    if not towns:
        return None
    farthest = towns[0][0] + _SUBURB_KM
    best = max((other for distance, other in towns if distance <= farthest), key=lambda other: other.population)
    return best.label(russian=russian)


def _nearest_large(index: _Index, row: _Row, limit: int = 60) -> list[tuple[float, int]]:
    """Return distance and number of the large towns nearest to a row."""
    return sorted(_around(index, row.latitude, row.longitude, index.large, degrees=8.0))[:limit]


def _around(
    index: _Index, latitude: float, longitude: float, numbers: Iterable[int], degrees: float = 1.0
) -> Iterator[tuple[float, int]]:
    """Yield distance in km and number of the rows within that many degrees of latitude."""
    latitudes, longitudes = index.latitudes, index.longitudes
    low, high = latitude - degrees, latitude + degrees
    for number in numbers:
        if low <= latitudes[number] <= high:
            yield _km(latitude, longitude, latitudes[number], longitudes[number]), number


def _km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance of two points on a sphere in km (haversine formula)."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
