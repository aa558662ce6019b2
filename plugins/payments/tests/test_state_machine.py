"""The transition table: whatever is told in whatever order, a payment only goes forward."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_payments.settle import ProviderPayment, mismatch
from astral_payments.state_machine import (
    CANCELED,
    CREATED,
    FAILED,
    PENDING,
    SUCCEEDED,
    TRANSITIONS,
    UNKNOWN,
    IllegalTransition,
    advance,
    is_final,
    is_old_news,
)
from astral_payments.store import PaymentRow

STATUSES = sorted(TRANSITIONS)
TOLD = st.sampled_from(["pending", "waiting_for_capture", "succeeded", "canceled"])


def row(status: str, **changes: Any) -> PaymentRow:
    """A payment's row."""
    values: dict[str, Any] = {
        "id": 7, "status": status, "amount_minor": 100, "currency": "RUB", "account_id": "1", "mode": "test",
        "provider_ref": "a", "refunded_minor": 0, "order_id": "o", "bot": "sky",
    }  # fmt: skip
    return PaymentRow(**(dict.fromkeys(field.name for field in fields(PaymentRow)) | values | changes))


def remote(status: str, **changes: Any) -> ProviderPayment:
    """What YooKassa says of the same payment."""
    values: dict[str, Any] = {
        "ref": "a", "payment_id": "7", "status": status, "amount_minor": 100, "currency": "RUB", "account_id": "1",
        "mode": "test",
    }  # fmt: skip
    return ProviderPayment(**(values | changes))


def test_only_the_three_ends_are_final() -> None:
    """Succeeded, canceled and failed end a payment; every other status has a way on."""
    assert {status for status in STATUSES if is_final(status)} == {SUCCEEDED, CANCELED, FAILED}


@given(st.lists(TOLD, max_size=30))
def test_any_sequence_of_news_moves_forward_only(news: list[str]) -> None:
    """Old news change nothing, contradictions are refused, and what is final stays."""
    status, path = CREATED, [CREATED]
    for told in news:
        if is_old_news(status, told) or mismatch(row(status), remote(told)):
            continue
        assert told in TRANSITIONS[status]
        status = told
        path.append(status)
    assert len(path) == len(set(path))
    assert path.count(SUCCEEDED) + path.count(CANCELED) <= 1


@given(st.lists(TOLD, min_size=1, max_size=30))
def test_success_is_never_missed(news: list[str]) -> None:
    """If YooKassa says «succeeded» before any other end, the payment ends there, whatever else arrives."""
    status = PENDING
    for told in [*news, SUCCEEDED]:
        if not is_old_news(status, told) and not mismatch(row(status), remote(told)):
            status = told
    first_end = next(told for told in [*news, SUCCEEDED] if told in (SUCCEEDED, CANCELED))
    assert status == first_end


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES))
async def test_advance_refuses_what_the_table_does_not_have(before: str, after: str) -> None:
    """`advance` touches the database only for steps of the table."""

    class Session:
        calls = 0

        async def execute(self, statement: Any) -> Any:
            self.calls += 1
            return SimpleNamespace(rowcount=1)

    session: Any = Session()
    if after in TRANSITIONS[before]:
        await advance(session, row(before), after, "poll")
        assert session.calls == 2
    else:
        with pytest.raises(IllegalTransition, match="cannot follow"):
            await advance(session, row(before), after, "poll")
        assert session.calls == 0


async def test_advance_notices_that_somebody_was_quicker() -> None:
    """Where the row is in another status than it was read in, nothing is written into the audit."""

    class Session:
        async def execute(self, statement: Any) -> Any:
            return SimpleNamespace(rowcount=0)

    session: Any = Session()
    with pytest.raises(IllegalTransition, match="any more"):
        await advance(session, row(CREATED), UNKNOWN, "create")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"amount_minor": 101}, "amount"),
        ({"currency": "USD"}, "currency"),
        ({"account_id": "2"}, "shop"),
        ({"mode": "live"}, "mode"),
        ({"payment_id": "8"}, "metadata.payment_id"),
        ({"payment_id": ""}, "metadata.payment_id"),
        ({"ref": "b"}, "id"),
        ({"status": "brand_new"}, "unknown"),
    ],
)
def test_every_difference_is_named(change: dict[str, Any], name: str) -> None:
    """One wrong member of the fetched object is enough, and the log says which."""
    assert name in mismatch(row(PENDING), remote(SUCCEEDED, **change) if "status" not in change else remote(**change))
    assert mismatch(row(PENDING), remote(SUCCEEDED)) == ""


def test_success_after_cancellation_contradicts() -> None:
    """Both ends are immutable at YooKassa: the other one after it is for a person to look at."""
    assert "cannot follow" in mismatch(row(CANCELED), remote(SUCCEEDED))
    assert "cannot follow" in mismatch(row(SUCCEEDED), remote(CANCELED))
    assert mismatch(row(SUCCEEDED), remote(PENDING)) == ""
