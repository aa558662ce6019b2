"""`astral payments reconcile`: the sweep by hand, beside a running bot or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from astral_core import AstralError, now
from astral_payments.cli import payments as payments_command
from astral_payments.tables import findings, payments, sweeps, transitions
from astral_playground.telegram import checkout

SECRET = "test_very-secret-key"
Astral = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def astral(seller: Any, monkeypatch: pytest.MonkeyPatch) -> Astral:
    """Run the command with the settings of the running bot, in a loop of its own; its exit code and its words."""
    kit = seller.kit
    settings = {
        "TELEGRAM__TOKEN": kit.telegram.token,
        "TELEGRAM__API_URL": kit.telegram.api_url,
        "DATABASE__URL": kit.database_url,
        "HOST__ENABLED": '["payments"]',
        "PLUGINS__PAYMENTS__YOOKASSA_SHOP_ID": "100500",
        "PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY": SECRET,
        "PLUGINS__PAYMENTS__YOOKASSA_API_URL": seller.yookassa.api_url,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ASTRAL_{name}", value)

    async def run(*args: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, payments_command, args)
        error = result.exception if isinstance(result.exception, AstralError) else ""
        assert isinstance(result.exception, AstralError | SystemExit | None), result.exc_info
        return result.exit_code, f"{result.output}{error}".replace("\xa0", " ")

    return run


async def unheard(seller: Any, anna: Any, boris: Any) -> tuple[str, str]:
    """Stars of Anna's and a card payment of Boris's, of which nobody told: the ids at the providers."""
    invoice = (await seller.invoice(anna)).invoice
    world = seller.kit.telegram.world
    charge = checkout._settle(world, world.users[anna.id], invoice).charge_id
    world.updates.drop_all()
    url = await seller.link(boris)
    seller.yookassa.set_faults([{"where": "notification", "do": "lose", "times": None}])
    await seller.pay(url)
    return charge, (await seller.newest()).provider_ref


async def test_it_says_what_it_finds_and_settles_it(seller: Any, astral: Astral) -> None:
    """First dry, then in earnest; the running bot thanks the buyers. A second run finds nothing."""
    anna, boris = seller.buyer(), seller.buyer("Boris")
    charge, ref = await unheard(seller, anna, boris)
    day = f"{now() - timedelta(days=2):%Y-%m-%d}"
    code, said = await astral("reconcile", "--since", day, "--dry-run")
    assert code == 0, said
    assert f"{charge}: 150 ⭐ paid: news" in said
    assert f"{ref}: 199 ₽ paid: news" in said
    assert "2 would be settled" in said
    assert await seller.granted() == 0
    code, said = await astral("reconcile", "--since", day)
    assert code == 0, said
    assert f"{charge}: 150 ⭐ paid: granted" in said
    assert "2 settled" in said
    assert SECRET not in said
    assert await seller.granted() == 2
    assert {row.cause for row in await seller.rows(select(transitions)) if row.to_status == "succeeded"} == {"sweep"}
    await seller.kit.restart()  # else it looks for the work of other processes every now and then
    await anna.wait_for("Thank you!")
    await boris.wait_for("Thank you!")
    code, said = await astral("reconcile", "--since", day)
    assert "0 settled" in said
    assert "1 known" in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_money_without_an_order_is_named_and_left_alone(seller: Any, astral: Astral) -> None:
    """And what is older than the day that was asked for is not looked at."""
    anna = seller.buyer()
    invoice = (await seller.invoice(anna)).invoice
    invoice.payload = "payments:00000000-0000-4000-8000-000000000000"
    world = seller.kit.telegram.world
    charge = checkout._settle(world, world.users[anna.id], invoice).charge_id
    world.updates.drop_all()
    world.transactions.insert(0, {**world.transactions[0], "id": "old", "date": 1})
    code, said = await astral("reconcile")
    assert code == 0, said
    assert f"{charge}: 150 ⭐ paid: held, no order of this database" in said
    assert "old:" not in said
    assert await seller.count(payments) == 0
    assert [row.ref for row in await seller.rows(select(findings))] == [charge]
    assert anna.stars == 850


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_read_is_an_error_that_says_so(seller: Any, astral: Astral) -> None:
    """A provider that is away, a database that is not ready, a day to come."""
    seller.yookassa.set_faults(
        [{"where": "api", "match": {"path": "/refunds$"}, "do": "html", "http": 502, "times": None}]
    )
    code, said = await astral("reconcile")
    assert code == 1
    assert "the list of YooKassa's refunds cannot be read now: HTTP 502" in said
    assert "Traceback" not in said
    code, said = await astral("reconcile", "--since", "2999-01-01")
    assert code == 2
    assert "still to come" in said
    await seller.execute(sweeps.delete())
    await seller.kit.stop()
    seller.kit.telegram.fail("getMe", "500", times=None)
    code, said = await astral("reconcile")
    assert code == 1
    assert "Telegram does not say who the bot is" in said
    assert seller.kit.telegram.token not in said
