"""The verdict: every buyer has what was paid for and no more, and nobody's money is kept without reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .accounts import Books, Cell, Grant, Money
from .goods import CARD
from .mutants import ASKED_TWICE, FOR_NOTHING, PAID_TWICE

Prices = Mapping[tuple[str, str], int]  # by ware and way of paying
SHOWN = 5


@dataclass
class Verdict:
    """What does not agree, by kind; empty where all does."""

    problems: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the books agree."""
        return not self.problems

    def accuse(self, kind: str, cases: Iterable[object]) -> None:
        """Note what must not be."""
        for case in cases:
            self.problems[kind].append(str(case))

    def lines(self) -> Iterator[str]:
        """The first cases of each problem."""
        for kind, cases in self.problems.items():
            more = f"; and {len(cases) - SHOWN} more" if len(cases) > SHOWN else ""
            yield f"{kind} ({len(cases)}): {'; '.join(cases[:SHOWN])}{more}"


def judge(books: Books, prices: Prices) -> Verdict:
    """Compare everything with everything."""
    verdict = Verdict()
    money: defaultdict[Cell, list[Money]] = defaultdict(list)
    live: defaultdict[Cell, list[Grant]] = defaultdict(list)
    for item in books.money:
        money[item.cell].append(item)
    for grant in books.grants:
        if grant.live:
            live[grant.cell].append(grant)
    refs = {row.id: row.ref for row in books.rows}
    for cell in sorted({*money, *live}):
        _cell(verdict, cell, money[cell], live[cell], refs, prices)
    _tables(verdict, books)
    _words(verdict, books)
    verdict.accuse("dead", books.dead)
    verdict.accuse("given up", books.failed)
    verdict.accuse("pending", books.pending)
    _count(verdict, books)
    return verdict


def _cell(
    verdict: Verdict,
    cell: Cell,
    money: list[Money],
    live: list[Grant],
    refs: Mapping[int, str | None],
    prices: Prices,
) -> None:
    """One buyer and one ware: either nothing is had and nothing kept, or it is had once and its price is kept."""
    who = f"buyer {cell[0]}, {cell[1]}"
    kept = [item for item in money if item.kept > 0]
    for item in money:
        if item.paid and item.paid != prices.get((item.ware, item.way)):
            verdict.accuse("another price paid", [f"{who}: {item.paid} by {item.way} {item.ref}"])
    if not live:
        verdict.accuse("paid for nothing", [f"{who}: {item.kept} by {item.way} {item.ref}" for item in kept])
    elif not kept:
        verdict.accuse(FOR_NOTHING, [who])
    elif len(kept) > 1:
        verdict.accuse(PAID_TWICE, [f"{who}: {', '.join(f'{i.kept} by {i.way} {i.ref}' for i in kept)}"])
    elif refs.get(live[0].payment_id) != kept[0].ref:
        verdict.accuse("granted by another payment", [f"{who}: {live[0].payment_id}, kept is {kept[0].ref}"])
    if len(live) > 1:
        verdict.accuse("granted twice", [who])
    for item in money:
        if item.kept > 0 and item.returned != item.by_hand:
            verdict.accuse("returned in part", [f"{who}: {item.returned} of {item.paid}, {item.ref}"])
        if item.asked and item.kept > 0:
            verdict.accuse("asked back and kept", [f"{who}: {item.kept} by {item.way} {item.ref}"])
        if item.paid and not item.kept and not item.asked and not any(o.paid for o in money if o is not item):
            verdict.accuse("returned for no reason", [f"{who}: {item.ref}"])


def _tables(verdict: Verdict, books: Books) -> None:
    """Our rows say what the providers say, and each payment was asked for once."""
    rows = {(row.way, row.ref): row for row in books.rows}
    theirs = {(item.way, item.ref): item for item in books.money}
    numbers = Counter(item.number for item in books.money if item.way == CARD)
    verdict.accuse(ASKED_TWICE, [f"payment {number}" for number, count in numbers.items() if count > 1])
    for item in books.money:
        row = rows.get((item.way, item.ref))
        if row is None and item.paid:
            verdict.accuse("unknown to the bot", [f"{item.paid} by {item.way} {item.ref}"])
        elif row is not None and (row.status == "succeeded", row.returned) != (item.paid > 0, item.returned):
            said = f"paid {item.paid}, returned {item.returned}"
            verdict.accuse("books differ", [f"payment {row.id} ({row.status}, {row.returned} back): {said}"])
    for believed in books.rows:
        real = theirs.get((believed.way, believed.ref or ""))
        if believed.status == "succeeded" and real is None:
            verdict.accuse("believed without money", [f"payment {believed.id}"])
        if real is not None and real.buyer not in (0, believed.buyer):
            verdict.accuse("booked for somebody else", [f"payment {believed.id}"])


def _words(verdict: Verdict, books: Books) -> None:
    """Whoever got something reads thanks and has the goods; more often only where a bot knew that it might be."""
    wanted = Counter(grant.cell for grant in books.grants)
    again: Counter[str] = Counter()
    for what, said in (("thanked", books.thanks), ("delivered", books.goods)):
        for cell in sorted({*wanted, *said}):
            who = f"buyer {cell[0]}, {cell[1]}: {said[cell]} of {wanted[cell]}"
            if said[cell] < wanted[cell]:
                verdict.accuse(f"not {what}", [who])
            elif said[cell] and not wanted[cell]:
                verdict.accuse(f"{what} for nothing", [who])
            elif said[cell] > wanted[cell]:
                again[f"{what} again, {who}"] += said[cell] - wanted[cell]
    verdict.figures["messages again"] = again.total()
    if again.total() > books.doubtful:
        verdict.accuse(f"said again, with {books.doubtful} doubtful", again.elements())


def _count(verdict: Verdict, books: Books) -> None:
    paid = [item for item in books.money if item.paid]
    verdict.figures |= {
        "paid by card": sum(item.way == CARD for item in paid),
        "paid by Stars": sum(item.way != CARD for item in paid),
        "payments returned": sum(not item.kept for item in paid),
        "payments returned in part": sum(0 < item.kept < item.paid for item in paid),
        "grants": len(books.grants),
        "grants that live": sum(grant.live for grant in books.grants),
        "thanks": books.thanks.total(),
        "messages doubtful": books.doubtful,
    }
