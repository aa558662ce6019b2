"""A payments plugin that is worse on purpose, each in one way: the judge has to see it.

This runs in the bots. Functions are replaced by name, so that a mutant outlives changes inside of them; where a name
is gone, the bot does not start and says so.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

PAID_TWICE, ASKED_TWICE, FOR_NOTHING = "paid twice for one product", "created twice", "granted for nothing"

MUTANTS = {
    "surplus-kept": PAID_TWICE,
    "new-key-for-each-try": ASKED_TWICE,
    "cabinet-refund-ignored": FOR_NOTHING,
    "delivered-though-owned": PAID_TWICE,
}
"""Each mutant, and the problem that the judge has to name."""


class MutantError(Exception):
    """A mutant that does not fit the plugin any more."""


def apply(name: str) -> None:
    """Make the plugin of this process worse; nothing happens without a name."""
    if not name:
        return
    if name not in MUTANTS:
        raise MutantError(f"there is no mutant {name!r}; known: {', '.join(MUTANTS)}")
    _WORK[name]()


def _wrap(module: str, path: str, wrapper: Callable[[Any], Any]) -> None:
    """Replace what stands at `path` in a module of the plugin by `wrapper(it)`."""
    owner: Any = importlib.import_module(f"astral_payments.{module}")
    *parents, last = path.split(".")
    try:
        for part in parents:
            owner = getattr(owner, part)
        old = getattr(owner, last)
    except AttributeError:
        raise MutantError(
            f"astral_payments.{module} has no {path} any more. Fix: give the mutant in {__file__} its new place."
        ) from None
    setattr(owner, last, wrapper(old))


def _surplus_kept() -> None:
    """Money that nothing is open for is not sent back."""

    async def kept(*_: Any, **__: Any) -> None:
        return None

    _wrap("settle", "record_refund", lambda _: kept)


def _new_key() -> None:
    """A repeated request is a new one to YooKassa."""

    def wrapper(old: Any) -> Any:
        async def asked(*args: Any, **options: Any) -> Any:
            return await old(*args, **{**options, "idempotence_key": uuid.uuid4().hex})

        return asked

    _wrap("yookassa_client", "YooKassaClient.create_payment", wrapper)


def _cabinet_ignored() -> None:
    """What YooKassa tells of returned money is not read."""

    def blind(old: Any) -> Any:
        return staticmethod(lambda found: replace(old(found), refunded_minor=0))

    def empty(old: Any) -> Any:
        async def listed(*args: Any, **options: Any) -> Any:
            return replace(await old(*args, **options), items=(), next_cursor=None)

        return listed

    _wrap("settle", "ProviderPayment.of_yookassa", blind)
    _wrap("yookassa_client", "YooKassaClient.list_refunds", empty)


def _delivered_though_owned() -> None:
    """A payment hands the product out, whoever has it already."""

    def wrapper(old: Any) -> Any:
        async def granted(*args: Any) -> bool:
            await old(*args)
            return True

        return granted

    _wrap("settle", "_not_this_order", lambda _: lambda *__: "")
    _wrap("settle", "_grant", wrapper)


_WORK: dict[str, Callable[[], None]] = {
    "surplus-kept": _surplus_kept,
    "new-key-for-each-try": _new_key,
    "cabinet-refund-ignored": _cabinet_ignored,
    "delivered-though-owned": _delivered_though_owned,
}
