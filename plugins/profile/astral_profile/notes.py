"""What a card says when an answer was not understood: the reason, and what to do next."""

from __future__ import annotations

import datetime as dt

from astral_core import Markup
from astral_profile.parse import Coordinates, ParseProblem, Refused
from astral_profile.words import Translate


def date_note(t: Translate, found: Refused[dt.date], typed: str) -> Markup:
    """Return why a date was refused."""
    match found.problem:
        case ParseProblem.AMBIGUOUS:
            return t("“{typed}” can be read in two ways. Which date is it?", typed=typed)
        case ParseProblem.NO_YEAR:
            return t("The year is missing. Write the whole date, for example 15.06.1990.")
        case ParseProblem.NO_SUCH_DAY if found.suggestions:
            return t("There is no “{typed}” in the calendar. Perhaps you meant this?", typed=typed)
        case ParseProblem.NO_SUCH_DAY:
            return t("There is no “{typed}” in the calendar. Please check the day and the month.", typed=typed)
        case ParseProblem.FUTURE if found.suggestions:
            return t("“{typed}” is still to come. Perhaps you meant this?", typed=typed)
        case ParseProblem.FUTURE:
            return t("“{typed}” is still to come. Please check the year.", typed=typed)
        case ParseProblem.TOO_EARLY | ParseProblem.TOO_LATE:
            return t("I know the sky from 1 January 1900 to 8 October 2053. Please check the year.")
    return t("I could not read “{typed}” as a date. Write it like this: 15.06.1990.", typed=typed)


def time_note(t: Translate, found: Refused[dt.time], typed: str) -> Markup:
    """Return why a time was refused."""
    if found.problem is not ParseProblem.NO_SUCH_TIME:
        return t("I could not read “{typed}” as a time. Write it like this: 14:30.", typed=typed)
    if found.suggestions:
        return t("No clock shows “{typed}”. Perhaps you meant this?", typed=typed)
    return t("No clock shows “{typed}”. Hours go from 0 to 23, minutes from 0 to 59.", typed=typed)


def place_note(t: Translate, found: Refused[Coordinates], typed: str) -> Markup:
    """Return why a place was not found."""
    if found.problem is not ParseProblem.OUT_OF_RANGE:
        return t(
            "I could not find “{typed}”. Check the spelling, or write the nearest larger town: the chart will be "
            "nearly the same.",
            typed=typed,
        )
    if found.suggestions:
        return t("Latitude comes first and is at most 90°. Perhaps you meant this?")
    return t("There are no such coordinates. Latitude goes from −90 to 90, longitude from −180 to 180.")
