"""The page, as a browser asks for it."""

from datetime import date
from html.parser import HTMLParser

import pytest
from astral_playground.testkit.bot import BotKit

from astral_tides.moon import moon_on
from astral_tides.web import lit_shape


async def get(bot: BotKit, path: str, **headers: str) -> tuple[int, str, str]:
    """GET a path of the bot: status, body, content security policy."""
    async with bot.running.bot.services.http.get(f"{bot.url}/plugins/tides/{path}", headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


class Tags(HTMLParser):
    """Collects the names of a page's tags."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note."""
        del attrs
        self.seen.append(tag)


async def test_the_page_shows_a_day_and_runs_no_script(bot: BotKit) -> None:
    """A known day with its facts, links to its neighbours, no script, and a policy that allows none."""
    status, body, policy = await get(bot, "?day=2024-04-08")
    assert status == 200
    for text in ("New moon", "8 April 2024", "23 April 2024, 23:49", 'href="?day=2024-04-09&amp;lang=en"'):
        assert text in body
    tags = Tags()
    tags.feed(body)
    assert "script" not in tags.seen
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


async def test_without_a_day_it_is_today_in_the_browsers_language(bot: BotKit) -> None:
    """Russian for who reads Russian, English for everybody else."""
    _, russian, _ = await get(bot, "", **{"Accept-Language": "ru-RU,ru;q=0.9"})
    assert '<html lang="ru">' in russian
    assert "Следующее полнолуние" in russian
    _, other, _ = await get(bot, "", **{"Accept-Language": "fr"})
    assert '<html lang="en">' in other


async def test_what_is_typed_comes_back_as_text(bot: BotKit) -> None:
    """Markup in the address is shown as it was typed, and is no markup of the page."""
    status, body, _ = await get(bot, "?day=%3Cimg%20src=x%20onerror=alert(1)%3E&lang=%22%3E%3Cscript%3E")
    assert status == 400
    assert "&lt;img src=x onerror=alert(1)&gt;" in body
    tags = Tags()
    tags.feed(body)
    assert not {"img", "script"} & set(tags.seen)


async def test_the_style_sheet_knows_dark_and_light(bot: BotKit) -> None:
    """It is a file of its own, and follows the reader's choice."""
    status, body, _ = await get(bot, "day.css")
    assert status == 200
    assert "prefers-color-scheme: dark" in body


@pytest.mark.parametrize(
    ("day", "shape"),
    [
        (date(2024, 4, 15), "M0 -100A100 100 0 0 1 0 100A"),  # first quarter: the right half
        (date(2024, 5, 1), "M0 -100A100 100 0 0 0 0 100A"),  # last quarter: the left half
    ],
)
def test_the_picture_is_lit_on_the_side_of_the_sun(day: date, shape: str) -> None:
    """Seen from the north a waxing Moon is lit on the right."""
    assert lit_shape(moon_on(day)).startswith(shape)


def test_a_crescent_is_less_and_a_gibbous_moon_more_than_half() -> None:
    """The inner edge bends to the lit side in a crescent, and away from it beyond the quarter."""
    assert lit_shape(moon_on(date(2024, 4, 12))).endswith("100 0 0 0 0 -100Z")
    assert lit_shape(moon_on(date(2024, 4, 20))).endswith("100 0 0 1 0 -100Z")
