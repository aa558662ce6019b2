"""Reading notifications: whatever bytes arrive, the answer is a checked hint or a refusal, never an accident."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_payments.web import BadNotification, read_hint
from astral_payments.yookassa_objects import OBJECT_ID

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON, "status": JSON, "amount": JSON, "payment_id": JSON, "metadata": JSON, "refunded_amount": JSON,
    },
)  # fmt: skip


def body(**changes: Any) -> dict[str, Any]:
    """A notification as YooKassa sends it."""
    subject = {"id": "2d03-1", "status": "succeeded", "amount": {"value": "1.00", "currency": "RUB"}}
    return {"type": "notification", "event": "payment.succeeded", "object": subject | changes}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No input raises anything else."""
    try:
        read_hint(data)
    except BadNotification:
        return


@given(JSON, st.sampled_from(["payment.succeeded", "refund.succeeded"]), MEMBERS)
def test_any_json_gives_safe_ids_or_is_refused(other: Any, event: str, members: dict[str, Any]) -> None:
    """Whatever stands in the object: what is kept fits its column and may stand in a path."""
    for data in (other, {"type": "notification", "event": event, "object": members}):
        try:
            hint = read_hint(json.dumps(data).encode())
        except BadNotification:
            continue
        assert set(hint) == {"event", "object_id", "payment_ref", "dedupe_key"}
        assert OBJECT_ID.fullmatch(hint["object_id"])
        assert OBJECT_ID.fullmatch(hint["payment_ref"])
        assert len(hint["event"]) <= 64
        assert len(hint["dedupe_key"]) == 64


def read(**changes: Any) -> dict[str, str]:
    """The hint of a notification with these members."""
    return read_hint(json.dumps(body(**changes)).encode())


def test_a_repetition_has_the_same_key_and_news_another() -> None:
    """Members that do not matter leave the key alone; status, amount and refunded amount change it."""
    first = read()
    assert read(description="other")["dedupe_key"] == first["dedupe_key"]
    different = [read(status="canceled"), read(amount={"value": "2.00"}), read(refunded_amount={"value": "1.00"})]
    keys = {hint["dedupe_key"] for hint in different}
    assert len(keys | {first["dedupe_key"]}) == 4


def test_a_refund_names_its_payment() -> None:
    """The payment to read is the refund's payment_id, not the refund's own id."""
    data = {**body(id="refund-1", payment_id="pay-1"), "event": "refund.succeeded"}
    hint = read_hint(json.dumps(data).encode())
    assert (hint["object_id"], hint["payment_ref"]) == ("refund-1", "pay-1")


@pytest.mark.parametrize("number", ["../me", "a/b", "a?b", "a b", "", "x" * 65, "ид", None, 5, ["a"]])
def test_ids_that_could_leave_their_path_are_refused(number: Any) -> None:
    """An id is put into an address: only letters, digits and hyphens may be in it."""
    with pytest.raises(BadNotification, match="malformed"):
        read(id=number)
