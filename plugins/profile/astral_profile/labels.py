"""A place in words: "Москва, Россия · 55.75° с. ш., 37.62° в. д."."""

from __future__ import annotations

from functools import lru_cache

from astral_profile.birth import Place

_SIGNS = {"ru": ("с. ш.", "ю. ш.", "в. д.", "з. д."), "en": ("N", "S", "E", "W")}
# Where CLDR's long form is not what people say.
_SHORT = {("US", "ru"): "США", ("US", "en"): "USA", ("AE", "ru"): "ОАЭ", ("AE", "en"): "UAE", ("GB", "en"): "UK"}


@lru_cache(maxsize=1024)
def country_name(country: str, language: str) -> str:
    """Return the country's name in a language ("ru", else English), the code itself where CLDR has none."""
    if not country:
        return ""
    # Babel reads its tables at import: only who shows a place pays for them.
    from babel import Locale

    code = _language(language)
    return _SHORT.get((country, code)) or str(Locale.parse(code).territories.get(country, country))


def coordinates_label(latitude: float, longitude: float, language: str) -> str:
    """Return degrees in words: "55.75° с. ш., 37.62° в. д." or "55.75° N, 37.62° E"."""
    north, south, east, west = _SIGNS[_language(language)]
    return (
        f"{abs(latitude):.2f}° {south if latitude < 0 else north}, "
        f"{abs(longitude):.2f}° {west if longitude < 0 else east}"
    )


def place_name(place: Place, language: str, near: str | None = None) -> str:
    """Return "Советск, Россия (рядом: Тула)": the label without coordinates, "" for a place without a town.

    In Russian the town nearby follows a colon, because its name cannot be declined reliably.
    """
    words = ", ".join(part for part in (place.name, country_name(place.country, language)) if part)
    if not near or not words:
        return words
    return f"{words} (рядом: {near})" if _language(language) == "ru" else f"{words} (near {near})"


def place_label(place: Place, language: str, near: str | None = None) -> str:
    """Return the whole label: name, country, the larger town nearby if given, and coordinates."""
    degrees = coordinates_label(place.latitude, place.longitude, language)
    name = place_name(place, language, near)
    return f"{name} · {degrees}" if name else degrees


def _language(language: str) -> str:
    return "ru" if language.lower().startswith("ru") else "en"
