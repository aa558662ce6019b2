"""The pay page over HTTP: payment, 3-D Secure, refusal, the way back, languages, safety."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from astral_playground.yookassa import VirtualClock, YooKassaEmulator, pay_page

RETURN = "https://bot.example/pay/return/8Zk"


async def _status(client: Any, payment: dict[str, Any]) -> str:
    return str((await client.call("GET", f"/payments/{payment['id']}")).body["status"])


async def test_page_shows_shop_amount_and_description(client: Any) -> None:
    """The payer sees who asks, for what and how much, in their language."""
    payment = await client.created(amount={"value": "1490.50", "currency": "RUB"})
    russian = await client.pay("GET", payment, Accept_Language="ru-RU,ru;q=0.9,en;q=0.8")
    assert russian.status == 200
    assert '<html lang="ru">' in russian.text
    for piece in ("1\u00a0490,50\u00a0₽", "Astral", "Полная натальная карта", "Номер карты", "Закрыть без оплаты"):
        assert piece in russian.text
    english = await client.pay("GET", payment, Accept_Language="de,en;q=0.5")
    assert "1,490.50\u00a0₽" in english.text
    assert "Card number" in english.text


@pytest.mark.parametrize(
    ("header", "query", "language"),
    [
        ("ru", "", "ru"),
        ("en;q=0.1, ru;q=0.9", "", "ru"),
        ("fr", "", "en"),
        ("ru;q=0", "", "en"),
        ("ru;q=x", "", "en"),
        ("", "", "en"),
        ("ru", "&lang=en", "en"),
        ("en", "&lang=ru", "ru"),
        ("ru", "&lang=xx", "ru"),
    ],
)
async def test_language_follows_the_link_then_the_browser(
    client: Any, header: str, query: str, language: str
) -> None:
    """`lang` wins, then the best of Accept-Language, then English."""
    payment = await client.created()
    payment["confirmation"]["confirmation_url"] += query
    answer = await client.pay("GET", payment, Accept_Language=header)
    assert answer.headers["Content-Language"] == language


async def test_russian_knows_every_text() -> None:
    """Each text of the templates and of the reasons has a Russian translation."""
    folder = Path(pay_page.__file__).parent / "templates"
    texts = set(pay_page._REASONS.values())
    for template in folder.glob("*.html"):
        texts |= {match[1] for match in re.findall(r"""_\((["'])(.+?)\1""", template.read_text())}
    assert len(texts) > 30
    missing = [text for text in texts if text not in pay_page._texts("ru").catalog]
    assert missing == []


async def test_foreign_text_is_escaped_and_scripts_are_forbidden(client: Any) -> None:
    """A description is text, never markup; the policy allows no script, no frame and no foreign form target."""
    payment = await client.created(description="<script>alert(1)</script>\"'")
    answer = await client.pay("GET", payment)
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert policy.endswith("form-action 'self' https://bot.example")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_success_returns_to_exactly_the_shops_address(client: Any) -> None:
    """A paying card: 302 to return_url with nothing added, and the payment is succeeded."""
    url = "https://bot.example/back?a=1&b=%20x#part"
    payment = await client.created(confirmation={"type": "redirect", "return_url": url})
    form = {"number": "5555 5555 5555 4444", "expiry": "12/30", "csc": "123"}
    answer = await client.pay("POST", payment, form)
    assert (answer.status, answer.headers["Location"]) == (302, url)
    assert await _status(client, payment) == "succeeded"


async def test_three_ds_takes_a_second_step(client: Any) -> None:
    """A 3-D Secure card first shows the code page; only the confirmation pays."""
    payment = await client.created()
    first = await client.pay("POST", payment, {"preset": "2200000000000004"})
    assert first.status == 302
    assert "orderId=" in first.headers["Location"]
    page = await client.pay("GET", payment)
    assert "3-D Secure" in page.text
    assert "Mir" in page.text
    assert await _status(client, payment) == "pending"
    done = await client.pay("POST", payment, {"action": "confirm", "code": "123456"})
    assert done.headers["Location"] == RETURN
    got = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert got["authorization_details"]["three_d_secure"] == {"applied": True}


async def test_three_ds_can_fail_or_be_left(client: Any) -> None:
    """Another card leads back to the form; failing the check cancels with 3d_secure_failed."""
    payment = await client.created()
    await client.pay("POST", payment, {"preset": "5555555555554477"})
    await client.pay("POST", payment, {"action": "back"})
    assert "Card number" in (await client.pay("GET", payment)).text
    await client.pay("POST", payment, {"preset": "5555555555554477"})
    await client.pay("POST", payment, {"action": "refuse"})
    got = (await client.call("GET", f"/payments/{payment['id']}")).body
    assert got["cancellation_details"] == {"party": "payment_network", "reason": "3d_secure_failed"}


async def test_real_cards_are_refused_and_not_kept(client: Any) -> None:
    """A number that is no test card: the form again with 422, without the number, and the payment is pending."""
    payment = await client.created()
    answer = await client.pay("POST", payment, {"number": "4000 0000 0000 0002"})
    assert answer.status == 422
    assert "test cards only" in answer.text
    assert "0002" not in answer.text
    assert await _status(client, payment) == "pending"


async def test_closing_leaves_the_payment_open(client: Any) -> None:
    """ "Close without paying" goes back to the shop; the link still works."""
    payment = await client.created()
    answer = await client.pay("POST", payment, {"action": "close"})
    assert answer.headers["Location"] == RETURN
    assert await _status(client, payment) == "pending"
    assert (await client.pay("POST", payment, {"preset": "4111111111111111"})).status == 302
    assert await _status(client, payment) == "succeeded"


@pytest.mark.parametrize(
    ("preset", "text"), [("5555555555554444", "already paid"), ("5555555555554600", "already canceled")]
)
async def test_second_payment_is_refused(client: Any, preset: str, text: str) -> None:
    """Paying again is a 409 page that says what the payment is; the state does not change."""
    payment = await client.created()
    await client.pay("POST", payment, {"preset": preset})
    before = await _status(client, payment)
    again = await client.pay("POST", payment, {"preset": "5555555555554444"})
    assert again.status == 409
    assert text in again.text
    assert RETURN in again.text
    assert await _status(client, payment) == before
    assert (await client.pay("GET", payment)).status == 200


async def test_held_refunded_and_expired_payments_have_their_pages(client: Any) -> None:
    """Each end of a payment is told in words."""
    held = await client.created(capture=False)
    await client.pay("POST", held, {"preset": "5555555555554444"})
    assert "The money is held" in (await client.pay("GET", held)).text
    back = await client.created()
    await client.pay("POST", back, {"preset": "5555555555554444"})
    await client.call("POST", "/refunds", {"payment_id": back["id"], "amount": back["amount"]})
    assert "The money was returned" in (await client.pay("GET", back)).text
    late = await client.created()
    client.emulator.advance(3601)
    assert "The time to pay is over" in (await client.pay("GET", late)).text


async def test_unknown_order_is_a_kind_404(client: Any) -> None:
    """No order, or a strange one: a page, not an error dump, for reading and for paying."""
    for order in ("", "x", "%3Cscript%3E"):
        payment = {
            "confirmation": {
                "confirmation_url": f"{client.emulator.base_url}/checkout/payments/v2/contract?orderId={order}"
            }
        }
        for method in ("GET", "POST"):
            answer = await client.pay(method, payment)
            assert answer.status == 404
            assert "There is no such payment" in answer.text


async def test_works_inside_another_application() -> None:
    """Mounted under a prefix, the API, the page, its style and its form keep working."""
    emulator = YooKassaEmulator(clock=VirtualClock(running=False))
    parent = web.Application()
    parent.add_subapp("/yookassa", emulator.app())
    runner = web.AppRunner(parent, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    emulator._public_url = f"http://127.0.0.1:{runner.addresses[0][1]}/yookassa"
    try:
        async with aiohttp.ClientSession(headers={"Authorization": "Basic MTAwNTAwOnRlc3RfZW11bGF0b3I="}) as session:
            body = {
                "amount": {"value": "10.00", "currency": "RUB"},
                "confirmation": {"type": "redirect", "return_url": "tg://resolve?domain=bot"},
            }
            async with session.post(
                f"{emulator.api_url}/payments", json=body, headers={"Idempotence-Key": "1"}
            ) as answer:
                url = (await answer.json())["confirmation"]["confirmation_url"]
            async with session.get(url) as answer:
                text = await answer.text()
                assert "form-action 'self' tg:" in answer.headers["Content-Security-Policy"]
            style = re.search(r'href="([^"]+pay\.css)"', text)
            assert style is not None
            async with session.get(f"{url.partition('/yookassa')[0]}{style[1]}") as answer:
                assert (answer.status, answer.content_type) == (200, "text/css")
            async with session.post(url, data={"preset": "5555555555554444"}, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "tg://resolve?domain=bot"
    finally:
        await runner.cleanup()
