"""What became of every update: nothing lost, nothing doubled, nothing out of order, or a list of what was."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields

from rich.table import Table

from .api import Sent
from .books import Key, Row
from .traffic import Posting

PATIENCE = "I was interrupted while I was at this."  # what a chat reads of a row that was put off
ANSWER = re.compile(r"([mcsd]|t\d+):\d+")


@dataclass
class Verdict:
    """The figures of a run. `problems` names the first few cases of everything that must not be."""

    engine: str
    seed: int
    replicas: int
    updates: int = 0
    expired: int = 0
    kills: int = 0
    freezes: int = 0
    ousts: int = 0  # freezes during which the others took the replica for dead and left its connections alone
    restarts: int = 0
    database_stops: int = 0
    fallen: int = 0  # processes that ended by themselves
    resends: int = 0
    unavailable: int = 0  # 503s
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    early: int = 0  # due work that ran before its time
    wrong_counters: int = 0
    messages: int = 0
    messages_lost: int = 0
    messages_out_of_order: int = 0
    answers_lost: int = 0  # by the emulated Bot API, which had taken the message
    doubles_sent: int = 0  # beyond what lost answers explain
    doubtful: int = 0  # that many may have been sent twice, by the bots' logs
    left_over: int = 0
    dead: int = 0
    put_off: int = 0  # answers of rows that might have killed a process, and so came late
    integrity: str = "ok"
    longest_take_over: float = 0.0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems

    def accuse(self, kind: str, cases: Sequence[object], shown: int = 5) -> int:
        """Note what must not be; how many cases there are."""
        if cases:
            more = f" and {len(cases) - shown} more" if len(cases) > shown else ""
            self.problems.append(f"{kind}: {', '.join(map(str, cases[:shown]))}{more}")
        return len(cases)

    def table(self) -> Table:
        """The figures for people."""
        table = Table(title=f"{self.engine}, {self.replicas} replica(s), seed {self.seed}")
        table.add_column("what")
        table.add_column("how many", justify="right")
        for item in fields(self)[3:-1]:
            value = getattr(self, item.name)
            table.add_row(item.name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else str(value))
        return table


def judge_rows(
    verdict: Verdict, postings: Iterable[Posting], rows: Sequence[Row], late: Collection[Key] = ()
) -> None:
    """Each update's rows are there once, and in the order of its Telegram queue but for what was put off."""
    found = Counter((row.chat, f"{row.stream}:{row.number}") for row in rows)
    wanted = [(posting.chat, key) for posting in postings if posting.acked_at for key in posting.writes]
    verdict.lost = verdict.accuse("lost", [key for key in wanted if key not in found])
    verdict.doubled = verdict.accuse("doubled", [key for key, count in found.items() for _ in range(count - 1)])
    verdict.early = verdict.accuse("early", [key for key in found if key[1].startswith("e:")])
    order = [key for row in rows if (key := (row.chat, f"{row.stream}:{row.number}")) not in late]
    verdict.out_of_order = verdict.accuse("out of order", list(overtaken(order)))


def judge_counters(verdict: Verdict, rows: Sequence[Row], counters: Sequence[tuple[int, int]]) -> None:
    """Each chat has one counter, as high as it has rows."""
    wanted = sorted(Counter(row.chat for row in rows).items())
    wrong = [item for item in sorted(counters) if item not in wanted] + [i for i in wanted if i not in counters]
    verdict.wrong_counters = verdict.accuse("wrong counters", wrong)


def judge_messages(
    verdict: Verdict, postings: Iterable[Posting], rows: Sequence[Row], sent: Sequence[Sent], doubtful: int | None,
    late: Collection[Key] = (),
) -> None:  # fmt: skip
    """Each message was sent, first in the order of its lane; and twice only where a bot knew that it might be.

    `doubtful` is how often a bot said so; None where its log cannot tell.
    """
    others = [(item.chat, item.text) for item in sent if not ANSWER.fullmatch(item.text)]
    verdict.accuse("apologies", [(chat, text) for chat, text in others if not text.startswith(PATIENCE)])
    sent = [item for item in sent if ANSWER.fullmatch(item.text)]
    acked = [posting for posting in postings if posting.acked_at]
    wanted = [(posting.chat, key) for posting in acked for key in posting.answers]
    wanted += [told for posting in acked for told in posting.tells]
    first: dict[Key, None] = dict.fromkeys((item.chat, item.text) for item in sent)
    verdict.messages = len(first)
    verdict.messages_lost = verdict.accuse("messages lost", [key for key in wanted if key not in first])
    lanes: defaultdict[int, list[str]] = defaultdict(list)
    for row in rows:
        if (row.chat, f"{row.stream}:{row.number}") not in late:
            lanes[row.chat].append(f"{row.stream}:{row.number}")
    spoken: defaultdict[int, list[str]] = defaultdict(list)
    for chat, key in first:
        spoken[chat].append(key)
    wrong = list(overtaken(key for key in first if key not in late))
    for chat, keys in lanes.items():  # the lane's own order, over all its queues
        among = set(keys)
        if [key for key in spoken[chat] if key in among] != list(dict.fromkeys(keys)):
            wrong.append((chat, "messages in another order than their rows"))
    verdict.messages_out_of_order = verdict.accuse("messages out of order", wrong)
    again = doubles(sent)
    verdict.answers_lost = sum(not item.answered for item in sent)
    verdict.doubles_sent, verdict.doubtful = sum(again.values()), doubtful or 0
    if doubtful is not None and verdict.doubles_sent > doubtful:
        verdict.accuse(f"messages sent again, but only {doubtful} known as doubtful", list(again.elements()))


def overtaken(keys: Iterable[Key]) -> Iterable[Key]:
    """Keys that come after a later one of their chat and stream."""
    highest: Counter[Key] = Counter()
    for chat, key in keys:
        stream, _, number = key.partition(":")
        if int(number) < highest[chat, stream]:
            yield chat, key
        highest[chat, stream] = max(highest[chat, stream], int(number))


def doubles(sent: Iterable[Sent]) -> Counter[Key]:
    """How often each message came once more than lost answers explain."""
    taken: Counter[Key] = Counter()
    unanswered: Counter[Key] = Counter()
    for item in sent:
        taken[item.chat, item.text] += 1
        unanswered[item.chat, item.text] += not item.answered
    return +Counter({key: count - 1 - unanswered[key] for key, count in taken.items()})


def longest_take_over(postings: Iterable[Posting], moments: Sequence[float]) -> float:
    """The longest that an acknowledged update waited for its answer after the last blow that fell between the two."""
    waits = [0.0]
    for posting in postings:
        if posting.acked_at and posting.first_sent_at:
            between = [at for at in moments if posting.acked_at < at < posting.first_sent_at]
            waits += [posting.first_sent_at - max(between)] if between else []
    return max(waits)
