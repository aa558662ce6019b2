"""The harness itself: the judge sees each kind of lie in made-up books, and the world is as bad as it was told."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

sys.path.insert(0, str(Path(__file__).parent))  # for `books_kit`, which is no part of any distribution

from books_kit import mutants
from books_kit.accounts import Books, Grant, Money, Row
from books_kit.balancer import Balancer
from books_kit.goods import CARD, STARS, WARES
from books_kit.judge import judge
from books_kit.plan import SORRY, WAYS, draw
from books_kit.weather import Climate, Weather

PRICES = {(ware.code, way): ware.price(way) for ware in WARES for way in (STARS, CARD)}
ANNA, SUN = 1001, "stall.sun"
CELL = (ANNA, SUN)
CARDED = Money(CARD, "card-1", ANNA, SUN, paid=19900, number="1")
STARRED = Money(STARS, "stars-2", ANNA, SUN, paid=150)


def made(*money: Money, live: str = "", had: tuple[str, ...] = ()) -> Books:
    """Books of one buyer: `live` is the payment whose grant lives, `had` are those whose grants were revoked."""
    rows = [
        Row(number, item.buyer, item.way, item.ref, PRICES[item.ware, item.way], item.returned,
            "succeeded" if item.paid else "canceled")
        for number, item in enumerate(money, 1)
    ]  # fmt: skip
    numbers = {row.ref: row.id for row in rows}
    grants = [Grant(ANNA, SUN, numbers[ref], ref == live) for ref in (*had, *filter(None, [live]))]
    said = Counter({CELL: len(grants)}) if grants else Counter()
    return Books(list(money), rows, grants, Counter(said), Counter(said))


def back(money: Money, **changes: object) -> Money:
    """The same payment, returned."""
    return replace(money, returned=money.paid, **changes)


def problems(books: Books) -> set[str]:
    """What the judge names."""
    return set(judge(books, PRICES).problems)


@pytest.mark.parametrize(
    "books",
    [
        made(CARDED, live="card-1"),
        made(replace(CARDED, paid=0)),
        made(back(CARDED, asked=True), had=("card-1",)),
        made(CARDED, back(STARRED), live="card-1"),
        made(back(CARDED, asked=True), STARRED, had=("card-1",), live="stars-2"),
        made(replace(CARDED, returned=5000, by_hand=5000), live="card-1"),
    ],
    ids=["bought", "not paid", "returned", "surplus returned", "bought anew", "returned in part by hand"],
)
def test_books_that_agree_are_not_accused(books: Books) -> None:
    """All that may happen to an honest shop."""
    assert problems(books) == set()


@pytest.mark.parametrize(
    ("books", "kind"),
    [
        (made(CARDED), "paid for nothing"),
        (made(CARDED, STARRED, live="card-1"), "paid twice for one product"),
        (made(back(CARDED, asked=True), live="card-1"), "granted for nothing"),
        (made(replace(CARDED, paid=0), live="card-1"), "granted for nothing"),
        (made(replace(CARDED, paid=100), live="card-1"), "another price paid"),
        (made(replace(CARDED, returned=5000), live="card-1"), "returned in part"),
        (made(back(CARDED), had=("card-1",)), "returned for no reason"),
        (made(replace(CARDED, asked=True), live="card-1"), "asked back and kept"),
        (made(back(CARDED), STARRED, live="card-1"), "granted by another payment"),
        (made(CARDED, replace(CARDED, ref="card-3", paid=0), live="card-1"), "created twice"),
    ],
)
def test_money_and_products_that_do_not_fit_are_seen(books: Books, kind: str) -> None:
    """Nobody has something for nothing, pays for nothing, or pays twice."""
    assert kind in problems(books)


def test_tables_that_say_something_else_than_the_providers_are_seen() -> None:
    """Another state, other returned money, a payment that nobody made, one that is missing, one of somebody else."""
    good = made(CARDED, live="card-1")
    row = good.rows[0]
    for rows, kind in (
        ([replace(row, status="pending")], "books differ"),
        ([replace(row, returned=19900)], "books differ"),
        ([row, replace(row, id=2, ref="invented")], "believed without money"),
        ([], "unknown to the bot"),
        ([replace(row, buyer=1002)], "booked for somebody else"),
    ):
        assert kind in problems(replace(good, rows=rows)), rows


def test_two_live_grants_are_seen() -> None:
    """Nobody owns a product twice."""
    good = made(CARDED, live="card-1")
    assert "granted twice" in problems(replace(good, grants=good.grants * 2))


def test_words_are_counted() -> None:
    """Thanks and goods come once, and again only where a bot knew that they might; never for nothing."""
    good = made(CARDED, live="card-1")
    once, twice, never = Counter({CELL: 1}), Counter({CELL: 2}), Counter({CELL: 0})
    assert "not thanked" in problems(replace(good, thanks=never))
    assert "not delivered" in problems(replace(good, goods=never))
    assert any(kind.startswith("said again") for kind in problems(replace(good, thanks=twice)))
    assert any(
        kind.startswith("said again") for kind in problems(replace(good, thanks=twice, goods=twice, doubtful=1))
    )
    assert problems(replace(good, thanks=twice, doubtful=1)) == set()
    assert "thanked for nothing" in problems(replace(made(replace(CARDED, paid=0)), thanks=once))


@pytest.mark.parametrize(("name", "kind"), [("dead", "dead"), ("pending", "pending"), ("failed", "given up")])
def test_what_is_left_lying_is_seen(name: str, kind: str) -> None:
    """Dead letters, work that is not done, refunds that were given up."""
    verdict = judge(replace(made(CARDED, live="card-1"), **{name: [f"row {n}" for n in range(9)]}), PRICES)
    assert not verdict.holds
    [line] = verdict.lines()
    assert line.startswith(f"{kind} (9): row 0;")
    assert line.endswith("and 4 more")


def test_a_seed_makes_a_plan_repeatable() -> None:
    """The same seed, the same orders; of all kinds also in a short run, and no buyer plans to buy a ware twice."""
    buyers = draw(40, 7)
    assert buyers == draw(40, 7)
    assert buyers != draw(40, 8)
    assert sum(map(len, buyers)) == 40
    assert {order.way for orders in buyers for order in orders} == set(WAYS)
    assert {order.sorry for orders in buyers for order in orders} == {who for menu in SORRY.values() for who in menu}
    assert all(len({order.ware.code for order in orders}) == len(orders) for orders in buyers)


def test_the_weather_is_as_bad_as_it_was_told_until_it_is_calm() -> None:
    """About the share of calls fails; a refund's notification is lost only where that may be; then nothing fails."""
    weather = Weather(Climate(calls=0.3, lost_refunds=False), 1)
    struck = sum(bool(weather.take("api", method="GET", path="/v3/payments")) for _ in range(1000))
    assert 200 < struck < 400
    faults = [fault.do for _ in range(300) for fault in weather.take("notification", event="refund.succeeded")]
    assert "duplicate" in faults
    assert "lose" not in faults
    assert not any(
        fault.do == "delay" for _ in range(300) for fault in weather.take("api", method="GET", path="/v3/me")
    )
    weather.calm = True
    assert not any(weather.take("notification", event="refund.succeeded") for _ in range(100))
    weather.losing = True
    assert [fault.do for fault in weather.take("notification", event="refund.succeeded")] == ["lose"]


async def test_the_balancer_finds_a_replica_that_listens() -> None:
    """Requests reach it with their bodies and headers, whoever else is away; 502 where nobody is there."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(
            status=201, text=f"{request.rel_url} {await request.text()} {request.headers['X-Secret']}"
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    async with (
        TestServer(app) as server,
        Balancer(["http://127.0.0.1:1", str(server.make_url("")).rstrip("/")]) as two,
        aiohttp.ClientSession() as http,
        http.post(f"{two.url}/webhook/x?a=1", data="hello", headers={"X-Secret": "s"}) as answer,
    ):
        assert (answer.status, await answer.text()) == (201, "/webhook/x?a=1 hello s")
        two.replicas = ["http://127.0.0.1:1"]
        async with http.get(two.url) as refused:
            assert refused.status == 502


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_every_mutant_fits_the_plugin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mutant replaces is there; otherwise it says where it has to go."""
    replaced: list[str] = []
    monkeypatch.setattr(mutants, "setattr", lambda _, name, __: replaced.append(name), raising=False)
    mutants.apply(name)
    assert replaced


def test_a_mutant_that_is_unknown_or_does_not_fit_is_no_quiet_success() -> None:
    """It would look like a judge without teeth."""
    with pytest.raises(mutants.MutantError, match="there is no mutant"):
        mutants.apply("kinder")
    with pytest.raises(mutants.MutantError, match="has no gone any more"):
        mutants._wrap("settle", "gone", lambda old: old)
