"""Products: what may be sold, and whose mistake it is."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError

from astral_payments.api import Price, Product
from astral_payments.handlers.fetch import next_check
from astral_payments.settings import PaymentsSettings
from astral_payments.shop import BadProduct, Shop, check_product, link_of, text_in
from astral_payments.yookassa_client import YooKassaClient

GOOD = Product("natal.full", {"en": "Full", "ru": "Полный"}, {"en": "All of it"}, (Price("XTR", 1),))


def test_a_good_product_is_taken_as_it_is() -> None:
    """Nothing is changed; texts fall back to English."""
    assert check_product("natal", GOOD) is GOOD
    assert text_in(GOOD.title, "ru") == "Полный"
    assert text_in(GOOD.title, "de") == "Full"
    assert GOOD.price("RUB") is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"code": "full"}, "<plugin>.<what>"),
        ({"code": "natal." + "x" * 19}, "at most 24"),
        ({"code": "natal.Full"}, "a-z"),
        ({"code": "other.full"}, "must begin with 'natal'"),
        ({"title": {"ru": "Полный"}}, "no 'en'"),
        ({"title": {"en": "x" * 33}}, "1 to 32"),
        ({"title": {"en": "✨" * 16 + "🌟" * 9}}, "1 to 32"),
        ({"description": {"en": " "}}, "1 to 128"),
        ({"prices": ()}, "at least one"),
        ({"prices": (Price("XTR", 1), Price("XTR", 2))}, "one price for each"),
        ({"prices": (Price("XTR", 0),)}, "from 1 to 100000"),
        ({"prices": (Price("RUB", 99),)}, "from 100 to 35000000"),
        ({"prices": (Price("RUB", 35_000_001),)}, "from 100"),
        ({"prices": (Price("RUB", 199.5),)}, "whole number"),
        ({"prices": (Price("XTR", True),)}, "whole number"),
        ({"prices": (Price("USD", 100),)}, "not in 'USD'"),
    ],
)
def test_a_wrong_product_is_refused_with_its_plugin(changes: dict[str, Any], problem: str) -> None:
    """The message names the plugin, the product and what is wrong."""
    with pytest.raises(BadProduct, match=r"'natal'") as error:
        check_product("natal", replace(GOOD, **changes))
    assert problem in str(error.value)


def test_something_else_is_no_product() -> None:
    """A dict is not a Product."""
    with pytest.raises(BadProduct, match="gave dict"):
        check_product("natal", {"code": "natal.full"})


def test_one_bad_product_leaves_the_others_on_sale(caplog: pytest.LogCaptureFixture) -> None:
    """Bad and repeated products are left out and named in the log."""
    shop = Shop(PaymentsSettings(), "1")
    ctx: Any = type("Ctx", (), {"log": logging.getLogger("test")})()
    shop.offer([("natal", [GOOD, GOOD, replace(GOOD, code="x.y")]), ("empty", None)], ctx)
    assert list(shop.products) == ["natal.full"]
    assert "offers 'natal.full' twice" in caplog.text
    assert "'x.y' of plugin 'natal'" in caplog.text
    assert shop.ways(GOOD) == ["stars"]
    assert shop.by_link(link_of("natal.full")) is GOOD
    assert shop.by_link("nothing") is None


@pytest.mark.parametrize(
    ("stars", "card", "price", "text"),
    [
        (True, True, Price("XTR", 150), "150\u00a0⭐"),
        (False, True, Price("RUB", 19900), "199\u00a0₽"),
        (False, False, None, None),
    ],
)
def test_the_price_is_that_of_the_first_way_that_is_on(
    stars: bool, card: bool, price: Price | None, text: str | None
) -> None:
    """Other plugins show a price that can be paid: none in Stars where the owner switched them off."""
    product = replace(GOOD, code="sky.full", prices=(Price("RUB", 19900), Price("XTR", 150)))
    client = cast("YooKassaClient", object()) if card else None
    shop = Shop(PaymentsSettings(stars=stars), "1", quick=client, products={product.code: product})
    assert shop.price(product.code) == price
    assert shop.price_text(product.code, "ru") == text
    assert shop.price("sky.nothing") is None


def test_a_shop_number_may_be_written_without_quotes() -> None:
    """100500 and "100500" are the same shop."""
    settings = PaymentsSettings.model_validate({"yookassa_shop_id": 100500, "yookassa_secret_key": "test_k"})
    assert settings.yookassa_shop_id == "100500"


def test_settings_never_show_the_key() -> None:
    """Neither repr nor an error of the settings holds the secret; number and key go together."""
    settings = PaymentsSettings(yookassa_shop_id="1", yookassa_secret_key=SecretStr("test_hush"))
    assert settings.test_mode
    assert "hush" not in repr(settings)
    with pytest.raises(ValidationError, match="go together") as error:
        PaymentsSettings(yookassa_secret_key=SecretStr("live_hush"))
    assert "hush" not in str(error.value)


def test_a_payment_is_looked_at_often_then_hourly_then_daily_then_never() -> None:
    """15 s, 30 s, 1, 2, 5, 10 minutes; every 10 minutes to 70; every hour for 8 days; daily for 30."""
    born = moment = datetime(2026, 1, 1, tzinfo=UTC)
    gaps, checks = [], 0
    while (following := next_check(born, checks, moment)) is not None:
        gaps.append((following - moment).total_seconds())
        moment, checks = following, checks + 1
    assert gaps[:6] == [15, 30, 60, 120, 300, 600]
    assert set(gaps[6:11]) == {600}
    assert gaps.count(3600) == pytest.approx(8 * 24, abs=2)
    assert gaps.count(86_400) == pytest.approx(30, abs=1)
    assert gaps[-1] == 86_400
    assert timedelta(days=38) <= moment - born < timedelta(days=39)
