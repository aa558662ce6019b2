"""What of the providers' lists is news here: charges that were paid or returned without our hearing of it.

A list is not ours alone: a YooKassa shop may serve several bots, and a copy of the bot may run with a copy of its
database. So it acts on charges of this bot whose order is in this database; those of this bot without one are held
for a person; all others are somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import N_, Work, core_users, now
from astral_payments.charges import charged, settle_charge, told_of
from astral_payments.listing import Charge
from astral_payments.money import format_money
from astral_payments.settle import Outcome, ProviderPayment, settle
from astral_payments.state_machine import SUCCEEDED
from astral_payments.store import PaymentRow, every, inserting
from astral_payments.tables import STARS, YOOKASSA, findings, orders, payments, sweeps
from astral_payments.yookassa_objects import RemotePayment

OVERLAP = timedelta(days=8)  # YooKassa holds money for seven days, and its refunds may take some
BACK = 100  # transactions of Telegram's that are read once more
REMIND = timedelta(days=1)

HELD = N_(
    "{money} was paid to this bot for an order that is not in its database (charge {ref}). "
    "I keep it, and grant and return nothing.\n\n"
    "Was the database restored from an older copy, or does a second one serve this bot? Grant or return it by hand."
)


class Verdict(Enum):
    """What a charge of a list is here."""

    KNOWN = "known"
    NEWS = "news"
    HELD = "held"
    FOREIGN = "of others"


@dataclass(frozen=True, slots=True)
class Judged:
    """A charge, what it is here, and the payment that it is news of, where that is known."""

    charge: Charge
    verdict: Verdict
    payment_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Here:
    """What the database has of a page's charges."""

    by_ref: dict[str, PaymentRow]
    by_number: dict[int, PaymentRow]
    orders: set[UUID]
    people: set[int]


async def judge(session: AsyncSession, charges: Sequence[Charge], bot: str) -> list[Judged]:
    """Compare a page with the database. `bot` is this bot's user name, which its payments at YooKassa carry."""
    here = await _here(session, charges)
    returned = {charge.ref for charge in charges if not charge.paid}
    return [_judged(charge, here, bot, returned) for charge in charges]


async def _here(session: AsyncSession, charges: Iterable[Charge]) -> _Here:
    refs = {charge.ref for charge in charges}
    numbers = {charge.payment_id for charge in charges if charge.payment_id is not None}
    ids = {charge.order_id for charge in charges if charge.order_id is not None}
    payers = {charge.user_id for charge in charges if charge.user_id is not None}
    query = select(payments).where(payments.c.provider_ref.in_(refs) | payments.c.id.in_(numbers))
    found = await every(session, PaymentRow, query)
    known = (await session.execute(select(orders.c.id).where(orders.c.id.in_(ids)))).scalars()
    people = (await session.execute(select(core_users.c.id).where(core_users.c.id.in_(payers)))).scalars()
    return _Here(
        {row.provider_ref: row for row in found if row.provider_ref is not None},
        {row.id: row for row in found},
        set(known),
        set(people),
    )


def _judged(charge: Charge, here: _Here, bot: str, returned: set[str]) -> Judged:
    row = here.by_ref.get(charge.ref)
    if row is not None and row.provider != charge.provider:
        row = None
    ours = charge.provider == STARS or not charge.paid or charge.bot == bot
    if row is not None and ours:
        return Judged(charge, Verdict.NEWS if _is_news(charge, row) else Verdict.KNOWN, row.id)
    if not charge.paid or not ours or charge.order_id is None:
        return Judged(charge, Verdict.FOREIGN)
    if charge.refunded_minor >= charge.amount_minor or charge.ref in returned:
        return Judged(charge, Verdict.KNOWN)  # it came and went: there is nothing to grant
    if charge.provider == STARS:
        known = charge.order_id in here.orders and charge.user_id in here.people
        return Judged(charge, Verdict.NEWS if known else Verdict.HELD)
    attempt = here.by_number.get(charge.payment_id) if charge.payment_id is not None else None
    if attempt is not None and attempt.order_id == charge.order_id and attempt.provider_ref is None:
        return Judged(charge, Verdict.NEWS, attempt.id)
    return Judged(charge, Verdict.HELD)


def _is_news(charge: Charge, row: PaymentRow) -> bool:
    if not charge.paid:
        return row.rest_minor > 0
    return row.status != SUCCEEDED or charge.refunded_minor > row.refunded_minor


async def untold(session: AsyncSession, judged: Sequence[Judged]) -> list[Judged]:
    """Those of which nobody was told: of held ones once, of contradictions within a day."""
    query = select(findings).where(findings.c.ref.in_({one.charge.ref for one in judged}))
    told = {(row.provider, row.ref): row for row in (await session.execute(query)).all()}
    return [one for one in judged if not _is_told(one, told.get((one.charge.provider, one.charge.ref)))]


def _is_told(one: Judged, row: Any) -> bool:
    if row is None:
        return False
    if one.verdict is Verdict.HELD:
        return bool(row.what == "held")
    return bool(row.what == "contradiction" and row.at > now() - REMIND)


async def hold(work: Work, charge: Charge) -> None:
    """Tell the owner once of money whose order is not here."""
    if await _note(work.session, charge, "held"):
        money = format_money(charge.amount_minor, charge.currency, work.language)
        work.alert(f"held:{charge.ref[-80:]}", HELD, money=money, ref=charge.ref)


async def settle_star(work: Work, charge: Charge) -> Outcome:
    """Settle a charge or a return of Telegram's list."""
    if charge.paid and charge.user_id is not None:
        outcome = await settle_charge(
            work,
            "sweep",
            charge_id=charge.ref,
            user_id=charge.user_id,
            order_id=charge.order_id,
            amount=charge.amount_minor,
            currency=charge.currency,
        )
    else:
        payment = await charged(work, charge.ref)
        gone = min(charge.amount_minor, payment.amount_minor)
        remote = told_of(work, payment, payment.amount_minor, charge.currency, gone)
        outcome = await settle(work, payment.id, remote, "sweep")
    return await _remembered(work.session, charge, outcome)


async def settle_rouble(work: Work, payment_id: int, remote: RemotePayment, bot: str) -> Outcome | None:
    """Settle what YooKassa says of a payment; None where it turns out to be another bot's."""
    if remote.metadata.get("bot") != bot:
        work.log.info("payment %s of the shop is not this bot's", remote.id)
        return None
    outcome = await settle(work, payment_id, ProviderPayment.of_yookassa(remote), "sweep")
    charge = Charge(YOOKASSA, remote.id, True, remote.amount_minor, remote.currency)
    return await _remembered(work.session, charge, outcome)


async def _remembered(session: AsyncSession, charge: Charge, outcome: Outcome) -> Outcome:
    """`outcome`; a contradiction, of which `settle` has told the owner, is not told again for a day."""
    if outcome is Outcome.MISMATCH:
        await _note(session, charge, "contradiction")
    return outcome


async def _note(session: AsyncSession, charge: Charge, what: str) -> bool:
    """Write down what was found; True where that is new."""
    key = {"provider": charge.provider, "ref": charge.ref}
    values = {"what": what, "amount_minor": charge.amount_minor, "currency": charge.currency, "at": now()}
    added = (
        inserting(session, findings)
        .values(**key, **values)
        .on_conflict_do_nothing(index_elements=["provider", "ref"])
        .returning(findings.c.ref)
    )
    if (await session.execute(added)).scalar_one_or_none() is not None:
        return True
    await session.execute(update(findings).filter_by(**key).values(**values))
    return False


async def mark_of(session: AsyncSession, provider: str, account_id: str) -> Any:
    """How far the list was read; None where it never was."""
    where = sweeps.c.provider == provider, sweeps.c.account_id == account_id
    return (await session.execute(select(sweeps).where(*where))).first()


async def set_mark(session: AsyncSession, provider: str, account_id: str, moment: datetime, position: int) -> None:
    """Write down that a sweep which began at `moment` came to the end."""
    values = {"position": position, "swept_at": moment}
    statement = inserting(session, sweeps).values(provider=provider, account_id=account_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["provider", "account_id"], set_=values))
