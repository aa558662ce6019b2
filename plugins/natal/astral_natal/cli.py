"""`astral natal chart`: a chart on the command line, without a bot, a token or a database."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from astral_natal.compute import compute_chart
from astral_natal.encode import encode_chart
from astral_natal.errors import NatalError
from astral_natal.model import NODES, SIGNS, Aspect, Chart, ChartRequest, Houses, HouseSystem, sign_position
from astral_natal.service import THEMES, offset_label, request_of, subtitle
from astral_natal.worker import PictureWords, draw
from astral_profile.api import Ambiguous, Birth, Moment, Nonexistent, Place, place_at, place_label, resolve, search

if TYPE_CHECKING:
    from rich.table import Table

    from astral_natal.render.labels import Labels

_TIME_FORMS = ("%H:%M", "%H:%M:%S")


@click.group()
def natal() -> None:
    """Natal charts, computed offline."""


@natal.command()
@click.option("--date", "day", required=True, help="Date of birth, Gregorian: 1990-06-15.")
@click.option("--time", "clock", help="Local wall time: 14:30 or 14:30:15. Leave it out where it is not known.")
@click.option("--lat", type=click.FloatRange(-90, 90), help="Latitude in degrees, north positive.")
@click.option("--lon", type=click.FloatRange(-180, 180), help="Longitude in degrees, east positive.")
@click.option("--tz", help="IANA time zone of the place, such as Europe/Moscow; else that of the coordinates.")
@click.option("--place", help="A place's name: looked up where there are no coordinates, else its label.")
@click.option("--fold", type=click.IntRange(0, 1), help="Which of two equal times when clocks were put back.")
@click.option(
    "--houses",
    type=click.Choice([system.value for system in HouseSystem]),
    default="placidus",
    help="How the houses are cut.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines: longitudes in degrees.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture to this file.")
@click.option("--lang", type=click.Choice(["en", "ru"]), default="en", help="Language of table and picture.")
@click.option("--theme", type=click.Choice(THEMES), default=THEMES[0], help="Colours of the picture.")
@click.option("--name", default="", help="Title of the picture.")
def chart(**given: Any) -> None:
    """Compute a natal chart: planets, houses and aspects."""
    try:
        birth = _birth(given)
        moment = _moment(birth)
        request = request_of(birth, HouseSystem(given["houses"]))
        if not isinstance(request, ChartRequest):
            raise click.ClickException("the local time names no moment.")
        found = _computed(request, birth, given)
    except NatalError as error:
        raise click.ClickException(str(error)) from error
    if given["as_json"]:
        click.echo(json.dumps(_record(birth, moment, found), ensure_ascii=False, indent=2))
        return
    _print_table(birth, moment, found, given["lang"])
    if given["png"] is not None:
        click.echo(f"\n{given['png']}")


def _computed(request: ChartRequest, birth: Birth, given: dict[str, Any]) -> Chart:
    """Compute the chart; write the picture where one is wanted."""
    path: Path | None = given["png"]
    if path is None:
        return compute_chart(request)
    words = PictureWords(given["name"], subtitle(birth, given["lang"]), given["theme"], given["lang"])
    drawing = draw(request, words)
    try:
        path.write_bytes(drawing.png)
    except OSError as error:
        raise click.ClickException(f"the picture cannot be written to {path}: {error.strerror}.") from error
    return drawing.chart


def _birth(given: dict[str, Any]) -> Birth:
    try:
        day = dt.date.fromisoformat(given["day"])
    except ValueError:
        raise click.BadParameter(f"{given['day']!r} is no date of the calendar; write 1990-06-15.") from None
    try:
        return Birth(day, _clock(given["clock"]), _place(given), given["fold"])
    except ValueError as error:
        raise click.ClickException(f"{error}.") from error


def _clock(text: str | None) -> dt.time | None:
    if text is None:
        return None
    for form in _TIME_FORMS:
        try:
            return dt.datetime.strptime(text, form).time()  # noqa: DTZ007  # wall time: the place brings the zone
        except ValueError:
            continue
    raise click.BadParameter(f"{text!r} is no time of day; write 14:30 or 14:30:15.")


def _place(given: dict[str, Any]) -> Place:
    latitude, longitude, zone, name = given["lat"], given["lon"], given["tz"], given["place"]
    if (latitude is None) != (longitude is None):
        raise click.UsageError("--lat and --lon go together.")
    if latitude is None:
        if not name:
            raise click.UsageError("where was it? Give --lat and --lon, or --place.")
        found = search(name, given["lang"], 1)
        if not found:
            raise click.ClickException(f"no place is called {name!r}; try a larger town nearby, or --lat and --lon.")
        place = found[0].place
    elif zone:
        place = Place(name or "", "", latitude, longitude, zone)
    else:
        place = place_at(latitude, longitude, given["lang"])
    return Place(place.name, place.country, place.latitude, place.longitude, zone or place.zone, place.population)


def _moment(birth: Birth) -> Moment:
    """Return the moment of birth; ClickException where the local time names none or two."""
    try:
        moment = resolve(birth)
    except ValueError as error:
        raise click.ClickException(f"{error}.") from error
    where = f"in {birth.place.zone}"
    if isinstance(moment, Ambiguous):
        first, second = (offset_label(each.offset_seconds) for each in (moment.first, moment.second))
        raise click.ClickException(
            f"{birth.date} {birth.time} came twice {where}, because the clocks were put back. "
            f"Say which: --fold 0 ({first}) or --fold 1 ({second})."
        )
    if isinstance(moment, Nonexistent):
        if moment.date_only:
            raise click.ClickException(f"{birth.date} was skipped {where}; check the date.")
        other = moment.suggestion
        raise click.ClickException(
            f"{birth.date} {birth.time} was never shown {where}, because the clocks were put forward. "
            f"They showed {other.date} {other.time} then; check the time."
        )
    return moment


def _record(birth: Birth, moment: Moment, found: Chart) -> dict[str, Any]:
    """Return the chart and what it was computed from, for JSON."""
    place = birth.place
    return {
        "date": birth.date.isoformat(),
        "time": birth.time.isoformat() if birth.time else None,
        "timezone": place.zone,
        "utc": moment.utc.isoformat(),
        "utc_offset_seconds": moment.offset_seconds,
        "place": {"name": place.name, "country": place.country},
        **encode_chart(found),
    }


def _print_table(birth: Birth, moment: Moment, found: Chart, language: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from astral_natal.render.labels import LABELS

    labels = LABELS[language]
    # Width is fixed where the output is no terminal: a pipe gets the same lines everywhere.
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False, emoji=False, markup=False)
    when = f"{birth.date} {birth.time:%H:%M}" if birth.time else f"{birth.date}"
    console.print(f"{when} ({offset_label(moment.offset_seconds)}) · {place_label(birth.place, language)}")
    for note in _notes(found, labels):
        console.print(note)
    points = Table(labels.body_heading, labels.sign_heading, "", "", labels.house_heading, box=None, pad_edge=False)
    for point in found.points:
        if point.id != NODES[1]:
            mark, house = "℞" if point.retrograde else "", str(point.house or "")
            points.add_row(labels.bodies[point.id], *_position(point.longitude, labels.signs), mark, house)
    console.print(points)
    if found.houses is not None:
        console.print("\n" + labels.houses.format(system=labels.house_systems[found.houses.system]))
        console.print(_houses_table(found.houses, labels.signs))
    aspects = Table(box=None, pad_edge=False, show_header=False)
    for aspect in found.aspects:
        if NODES[1] not in (aspect.first, aspect.second):
            aspects.add_row(*_aspect(aspect, labels))
    console.print()
    console.print(aspects)


def _notes(found: Chart, labels: Labels) -> Iterator[str]:
    """Say what is special: the unknown time and what it leaves open, or other houses than were asked for."""
    houses = found.houses
    if houses is None:
        yield labels.time_unknown
        for item in found.ingresses:
            sign = labels.signs[SIGNS.index(item.after)]
            yield labels.enters.format(body=labels.bodies[item.body], sign=sign, time=item.time)
    elif houses.system != houses.requested:
        names = labels.house_systems
        yield labels.substituted.format(requested=names[houses.requested], system=names[houses.system])


def _houses_table(houses: Houses, signs: tuple[str, ...]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, longitude in (("AC", houses.ascendant), ("MC", houses.midheaven)):
        table.add_row(name, *_position(longitude, signs))
    for number, cusp in enumerate(houses.cusps, 1):
        table.add_row(str(number), *_position(cusp, signs))
    return table


def _position(longitude: float, signs: tuple[str, ...]) -> tuple[str, str]:
    sign, degree, minute = sign_position(longitude)
    return signs[sign], f"{degree:2d}°{minute:02d}′"


def _aspect(aspect: Aspect, labels: Labels) -> tuple[str, str, str, str]:
    degree, minute = divmod(round(aspect.orb * 60), 60)
    bodies = labels.bodies
    return bodies[aspect.first], labels.aspects[aspect.kind], bodies[aspect.second], f"{degree}°{minute:02d}′"
