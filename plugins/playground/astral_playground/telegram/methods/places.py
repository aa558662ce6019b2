"""sendLocation with live locations, sendVenue, sendContact, sendDice."""

from __future__ import annotations

import random
from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_inline
from astral_playground.telegram.params import Params
from astral_playground.telegram.records import Message
from astral_playground.telegram.state import World

from .common import coordinate, editable, edited, target
from .messages import send
from .registry import method

FOR_EVER = 0x7FFF_FFFF  # the live_period of a location that can be moved until it is stopped
_MIN_PERIOD, _MAX_PERIOD = 60, 86_400  # s
_MAX_HEADING, _MAX_RADIUS = 360, 100_000
DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}  # the highest value of each
_VENUE_IDS = ("foursquare_id", "foursquare_type", "google_place_id", "google_place_type")


def point(params: Params) -> dict[str, Any]:
    """The Bot API's Location of the call, without what makes it live."""
    found: dict[str, Any] = {
        "latitude": coordinate(params, "latitude", 90),
        "longitude": coordinate(params, "longitude", 180),
    }
    if params.has("horizontal_accuracy"):
        found["horizontal_accuracy"] = coordinate(params, "horizontal_accuracy", 1500)
    return found


def live(params: Params, period: int) -> dict[str, Any]:
    """The fields of a Location that moves for `period` seconds; empty for 0."""
    if not period:
        return {}
    if period != FOR_EVER and not _MIN_PERIOD <= period <= _MAX_PERIOD:
        raise bad_request("Wrong live location period specified")
    heading, radius = params.integer("heading", low=-1), params.integer("proximity_alert_radius", low=-1)
    if not 0 <= heading <= _MAX_HEADING:
        raise bad_request("Wrong live location heading specified")
    if not 0 <= radius <= _MAX_RADIUS:
        raise bad_request("Wrong live location proximity alert radius specified")
    more = {"heading": heading, "proximity_alert_radius": radius}
    return {"live_period": period, **{name: value for name, value in more.items() if value}}


def location_content(params: Params) -> dict[str, Any]:
    """`location` of a call or an inline result."""
    return {"location": {**point(params), **live(params, params.integer("live_period", low=-1))}}


def venue_content(params: Params) -> dict[str, Any]:
    """`venue`, and `location` for bots older than venues."""
    where = point(params)
    if not params.text("title").strip() or not params.text("address").strip():
        raise bad_request("MEDIA_INVALID")
    ids = {name: params.text(name) for name in _VENUE_IDS if params.has(name)}
    venue = {"location": where, "title": params.text("title"), "address": params.text("address"), **ids}
    return {"venue": venue, "location": where}


def contact_content(params: Params) -> dict[str, Any]:
    """`contact` of a call or an inline result."""
    contact = {"phone_number": params.required("phone_number"), "first_name": params.required("first_name")}
    contact |= {name: params.text(name) for name in ("last_name", "vcard") if params.has(name)}
    return {"contact": contact}


def thrown(world: World, emoji: str) -> dict[str, Any]:
    """A die's value; the same calls give the same ones."""
    dice = {**DICE, "⚽️": DICE["⚽"]}
    if emoji not in dice:
        raise bad_request("EMOTICON_INVALID")
    value = random.Random(world.call_id()).randint(1, dice[emoji])  # noqa: S311 - a die, no secret
    return {"dice": {"emoji": emoji, "value": value}}


@method("sendLocation")
def send_location(world: World, params: Params) -> dict[str, Any]:
    """A point on the map, which may move."""
    target(world, params)
    return send(world, params, location_content(params))


@method("sendVenue")
def send_venue(world: World, params: Params) -> dict[str, Any]:
    """A place with a name and an address."""
    target(world, params)
    return send(world, params, venue_content(params))


@method("sendContact")
def send_contact(world: World, params: Params) -> dict[str, Any]:
    """A phone contact."""
    target(world, params)
    return send(world, params, contact_content(params))


@method("sendDice")
def send_dice(world: World, params: Params) -> dict[str, Any]:
    """A die, a dart, a ball or a slot machine with its value."""
    target(world, params)
    return send(world, params, thrown(world, params.text("emoji") or "🎲"))


def _moving(world: World, params: Params) -> Message:
    """The message whose live location the call changes."""
    message = editable(world, params)
    place = message.content.get("location", {})
    if "live_period" in place:
        period = place["live_period"]
        if period != FOR_EVER and world.now - message.date >= period:
            raise bad_request("Message can't be edited")
        return message
    if any("live_period" in old.content.get("location", {}) for old in message.history):
        raise bad_request("Message can't be edited")
    raise bad_request("There is no live location in the message to edit")


@method("editMessageLiveLocation")
def edit_message_live_location(world: World, params: Params) -> dict[str, Any] | bool:
    """Move a live location; its time counts from when it was sent."""
    where = point(params)
    markup = parse_inline(params)
    message = _moving(world, params)
    period = params.integer("live_period", low=-1) or message.content["location"]["live_period"]
    return edited(world, message, {**message.content, "location": {**where, **live(params, period)}}, markup)


@method("stopMessageLiveLocation")
def stop_message_live_location(world: World, params: Params) -> dict[str, Any] | bool:
    """Let a live location rest where it is."""
    markup = parse_inline(params)
    message = _moving(world, params)
    live_fields = ("live_period", "heading", "proximity_alert_radius")
    rest = {name: value for name, value in message.content["location"].items() if name not in live_fields}
    return edited(world, message, {**message.content, "location": rest}, markup)
