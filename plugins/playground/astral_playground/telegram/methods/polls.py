"""sendPoll, stopPoll."""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram import ballots
from astral_playground.telegram.entities import Entity
from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.keyboards import parse_inline
from astral_playground.telegram.params import Params
from astral_playground.telegram.polls import Option, Poll
from astral_playground.telegram.state import World
from astral_playground.telegram.texts import parse_text, text_fields

from .common import editable, target
from .media import input_media
from .messages import post
from .places import point, venue_content
from .registry import method

MAX_QUESTION, MAX_OPTION, MAX_OPTIONS = 300, 100, 12  # characters, characters, number
MAX_COUNTRIES = 12
MAX_PERIOD = 2_628_000  # s
_MAX_EXPLANATION, _MAX_BREAKS = 200, 2
_OPTION_MEDIA = frozenset({"animation", "photo", "live_photo", "video"})  # and location, venue, link, sticker
_POLL_MEDIA = _OPTION_MEDIA | {"audio", "document"}
_COUNTRY = re.compile(r"[A-Z]{2}")


def _text(world: World, params: Params, name: str, kept: frozenset[str] | None = None) -> dict[str, Any]:
    """`name` and its entities as parse_text reads them, only of the kinds in `kept`; empty for an empty text."""
    text, entities = parse_text(*(params.text(f"{name}{tail}") for tail in ("", "_parse_mode", "_entities")))
    return _fields(world, name, text, entities, kept)


def _fields(
    world: World, name: str, text: str, entities: list[Entity], kept: frozenset[str] | None
) -> dict[str, Any]:
    if not text:
        return {}
    chosen = entities if kept is None else [entity for entity in entities if entity.type in kept]
    found = text_fields(text, chosen, world.known_users())
    more = {f"{name}_entities": found["entities"]} if "entities" in found else {}
    return {name: found["text"], **more}


_EMOJI = frozenset({"custom_emoji"})


def _options(world: World, params: Params) -> list[Option]:
    items = params.json("options", "options") if params.required("options") else None
    if not isinstance(items, list):
        raise bad_request("Expected an Array of String as options")
    options = [_option(world, params, place, item) for place, item in enumerate(items)]
    if not options:
        raise bad_request("Poll must have at least one answer option")
    if len(options) > MAX_OPTIONS:
        raise bad_request(f"Poll can't have more than {MAX_OPTIONS} options")
    return options


def _option(world: World, params: Params, place: int, item: object) -> Option:
    inner = Params()
    media = None
    if isinstance(item, str):
        inner.values["text"] = item
    elif isinstance(item, dict):
        if not isinstance(item.get("text"), str):
            raise bad_request('Can\'t find field "text"')
        inner.add_json({name: item.get(name) for name in ("text", "text_parse_mode", "text_entities")})
        if item.get("media") is not None:
            media = _media(world, params, item["media"], "Failed to parse poll option media")
    else:
        raise bad_request("Expected an option to be of type String")
    text = _text(world, inner, "text", _EMOJI)
    if not text:
        raise bad_request("Poll option must be non-empty")
    if len(text["text"]) > MAX_OPTION:
        raise bad_request(f"Poll options length must not exceed {MAX_OPTION}")
    return Option(f"{place}", text, media)


def _media(world: World, params: Params, item: object, where: str) -> dict[str, Any]:
    """The Bot API's PollMedia of an InputPollMedia or InputPollOptionMedia."""
    if not isinstance(item, dict):
        raise bad_request(f"{where}: expected an Object")
    kind = str(item.get("type"))
    inner = Params(files=params.files)
    inner.add_json(item)
    if kind == "location":
        return {"location": point(inner)}
    if kind == "venue":
        return {"venue": venue_content(inner)["venue"]}
    if kind == "link" and "option" in where:
        return {"link": {"url": inner.required("url")}}
    if kind == "sticker" and "option" in where:
        file = world.files.resolve(params, inner.text("media"), "sticker")
        return ballots.sticker_media(file)
    if kind not in (_OPTION_MEDIA if "option" in where else _POLL_MEDIA):
        raise bad_request(f"{where}: invalid type specified")
    shown = input_media(world, params, item)
    return {kind: shown[kind]}


def _quiz(world: World, params: Params, poll: Poll) -> None:
    """The right answers and the explanation of a quiz."""
    correct = params.json("correct_option_ids", "correct option identifiers")
    if correct is None and params.has("correct_option_id"):
        correct = [params.integer("correct_option_id", -1, low=-1)]
    if correct is not None and not isinstance(correct, list):
        raise bad_request("Expected an Array of correct option identifiers")
    for one in correct or []:
        if isinstance(one, bool) or not isinstance(one, int):
            raise bad_request("Correct option identifier must be of type Number")
    if not correct:
        raise bad_request("Correct quiz option list must be non-empty")
    if correct != sorted(set(correct)):
        raise bad_request("Correct quiz option list must be increasing")
    if not 0 <= correct[0] <= correct[-1] < len(poll.options):
        raise bad_request("Wrong quiz correct_option_id")
    poll.correct = correct
    explanation = _text(world, params, "explanation")
    words = explanation.get("explanation", "")
    if len(words) > _MAX_EXPLANATION or words.count("\n") > _MAX_BREAKS:
        raise bad_request("Message is too long")
    poll.explanation = explanation
    if params.has("explanation_media"):
        item = params.json("explanation_media", "InputPollMedia")
        poll.explanation["explanation_media"] = _media(world, params, item, "Failed to parse InputPollMedia")


def _poll(world: World, params: Params) -> Poll:
    question = _text(world, params, "question", _EMOJI)
    if len(question.get("question", "")) > MAX_QUESTION:
        raise bad_request(f"Poll question length must not exceed {MAX_QUESTION}")
    if not question:
        raise bad_request("Poll question must be non-empty")
    kind = params.text("type")
    if kind not in {"", "regular", "quiz"}:
        raise bad_request("Unsupported poll type specified")
    quiz = kind == "quiz"
    poll = Poll(
        ballots.poll_id(world), question, _options(world, params), quiz=quiz,
        is_anonymous=params.flag("is_anonymous") if params.has("is_anonymous") else True,
        several=params.flag("allows_multiple_answers"),
        revoting=params.flag("allows_revoting") if params.has("allows_revoting") else not quiz,
        open_to_options=params.flag("allow_adding_options") and not quiz,
        members_only=params.flag("members_only"), countries=_countries(params),
        about=_text(world, params, "description"),
    )  # fmt: skip
    if params.has("media"):
        item = params.json("media", "InputPollMedia")
        poll.about["media"] = _media(world, params, item, "Failed to parse InputPollMedia")
    if quiz:
        _quiz(world, params, poll)
    _close_at(world, params, poll)
    return poll


def _close_at(world: World, params: Params, poll: Poll) -> None:
    """When the poll closes by itself: open_period goes before close_date."""
    period, date = params.integer("open_period", high=MAX_PERIOD), params.integer("close_date")
    if period:
        poll.open_period, poll.closes_at = period, world.now + period
    elif date:
        poll.open_period, poll.closes_at = max(1, date - world.now), date
    poll.is_closed = params.flag("is_closed")


def _countries(params: Params) -> list[str]:
    codes = params.json("country_codes", "country_codes")
    if codes is None:
        return []
    if not isinstance(codes, list) or any(not isinstance(code, str) for code in codes):
        raise bad_request("Expected an Array of String")
    if len(codes) > MAX_COUNTRIES:
        raise bad_request("Too many items specified")
    if any(not _COUNTRY.fullmatch(code) for code in codes):
        raise bad_request("Invalid country code specified")
    return codes


@method("sendPoll")
def send_poll(world: World, params: Params) -> dict[str, Any]:
    """A poll or quiz; it may close by itself."""
    room = target(world, params)
    poll = _poll(world, params)
    if (poll.members_only or poll.countries) and ballots.is_no_channel(room):
        raise bad_request("Poll voters can be restricted only in channel chats")
    message = post(world, params, {"poll": poll.to_dict()})
    ballots.enter(world, poll, message)
    return world.message_json(message)


@method("stopPoll")
def stop_poll(world: World, params: Params) -> dict[str, Any]:
    """Close a poll of the bot's; absent buttons go away."""
    markup = parse_inline(params)
    message = editable(world, params, "message with poll to stop")
    shown = message.content.get("poll")
    poll = None if shown is None else world.polls.get(shown["id"])
    if poll is None:
        raise bad_request("Message is not a poll")
    if poll.is_closed or not poll.by_bot or "forward_origin" in message.facts:
        raise bad_request("Poll can't be stopped")
    message.markup = markup if markup and markup["inline_keyboard"] else None
    ballots.close(world, poll)
    return poll.to_dict()
