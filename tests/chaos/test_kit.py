"""The harness itself: it sees what it is there to see, and its Telegram keeps Telegram's rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
from aiohttp import web
from chaos_kit import verdict as judging
from chaos_kit.api import BotApi, Faults, Sent
from chaos_kit.books import Row
from chaos_kit.crowd import CROSSING, FLOODED, HANGING
from chaos_kit.monkey import Counts, plan
from chaos_kit.odd import SENT
from chaos_kit.ready import percentile as share_of
from chaos_kit.ready import waited
from chaos_kit.telegram import HEADER, Telegram, Wire
from chaos_kit.traffic import CALLBACK_QUEUE, FIRST_CHAT, MESSAGE_LIFE, Posting, Writer
from chaos_kit.verdict import Verdict
from chaos_kit.watch import percentile
from chaos_kit.worst import KINDS, Figures, Worst, waits

Answer = Callable[[int], web.Response]


def acknowledged(*actions: str) -> list[Posting]:
    """Updates of one chat that got 200."""
    writer = Writer(1)
    postings = [writer.make(FIRST_CHAT, action) for action in actions]
    for posting in postings:
        posting.acked_at = 1.0
    return postings


def row(stream: str, number: int) -> Row:
    """A row of the chat."""
    return Row(1, FIRST_CHAT, stream, number)


def said(*texts: str, answered: bool = True) -> list[Sent]:
    """Messages to the chat."""
    return [Sent(FIRST_CHAT, text, 1.0, answered) for text in texts]


def test_a_faultless_run_is_not_accused() -> None:
    """Rows, steps, presses and messages of one chat, each once and in order."""
    postings = acknowledged("write", "reply", "later", "press")
    rows = [row("m", 1), row("m", 3), row("c", 1), row("s", 3)]
    found = Verdict("sqlite", 1, 1)
    judging.judge_rows(found, postings, rows)
    judging.judge_counters(found, rows, [(FIRST_CHAT, 4)])
    judging.judge_messages(found, postings, rows, said("m:1", "m:2", "m:3", "c:1", "s:3"), 0)
    assert found.holds, found.problems


def test_what_was_put_off_may_come_late_and_is_said_to_be_kept() -> None:
    """It has to come once all the same, and the others keep their order; what nobody promised is an accusation."""
    postings = acknowledged("write", "write", "write")
    rows, late = [row("m", 2), row("m", 3), row("m", 1)], {(FIRST_CHAT, "m:1")}
    messages = said("I was interrupted while I was at this. It is kept.", "m:2", "m:3", "m:1")
    found = Verdict("sqlite", 1, 1)
    judging.judge_rows(found, postings, rows, late)
    judging.judge_messages(found, postings, rows, messages, 0, late)
    assert found.holds, found.problems
    strict = Verdict("sqlite", 1, 1)
    judging.judge_rows(strict, postings, rows)
    judging.judge_messages(strict, postings, rows, said("Something went wrong"), 0, late)
    assert strict.out_of_order == 1
    assert any("apologies" in problem for problem in strict.problems)


def test_lost_doubled_and_overtaking_rows_are_seen() -> None:
    """Each of the three is counted, and named with its chat."""
    found = Verdict("sqlite", 1, 1)
    judging.judge_rows(found, acknowledged(*["write"] * 4), [row("m", 2), row("m", 1), row("m", 4), row("m", 4)])
    assert (found.lost, found.doubled, found.out_of_order) == (1, 1, 1)
    assert f"lost: ({FIRST_CHAT}, 'm:3')" in found.problems


def test_a_counter_that_lost_a_step_or_was_made_twice_is_seen() -> None:
    """Reading and writing without isolation shows in the counter."""
    rows = [row("m", 1), row("m", 2)]
    for counters in ([(FIRST_CHAT, 1)], [], [(FIRST_CHAT, 2), (FIRST_CHAT, 1)]):
        found = Verdict("sqlite", 1, 1)
        judging.judge_counters(found, rows, counters)
        assert found.wrong_counters, counters


def test_lost_and_overtaking_messages_are_seen() -> None:
    """Also across the queues of a chat: messages come in the order of the rows that caused them."""
    postings, rows = acknowledged("write", "press"), [row("m", 1), row("c", 1)]
    found = Verdict("sqlite", 1, 1)
    judging.judge_messages(found, postings, rows, said("m:1"), 0)
    assert found.messages_lost == 1
    found = Verdict("sqlite", 1, 1)
    judging.judge_messages(found, postings, rows, said("c:1", "m:1"), 0)
    assert (found.messages_lost, found.messages_out_of_order) == (0, 1)


def test_a_message_may_come_twice_only_where_somebody_knew_that_it_might() -> None:
    """A lost answer explains a repeat, a line in the log allows one, anything else is accused."""
    postings, rows = acknowledged("write"), [row("m", 1)]
    for sent, doubtful, holds in (
        (said("m:1", "m:1"), 0, False),
        (said("m:1", "m:1"), 1, True),
        (said("m:1", answered=False) + said("m:1"), 0, True),
    ):
        found = Verdict("sqlite", 1, 1)
        judging.judge_messages(found, postings, rows, sent, doubtful)
        assert found.holds is holds, sent


def test_a_seed_makes_a_plan_repeatable() -> None:
    """The same seed, the same blows; all of those that were asked for, in order, and none for a spared replica."""
    counts = Counts(kills=20, freezes=3, ousts=2, terms=2, stops=2)
    blows = plan(counts, 1000, 3, 7, spared=1)
    assert blows == plan(counts, 1000, 3, 7, spared=1)
    assert blows != plan(counts, 1000, 3, 8, spared=1)
    assert len(blows) == counts.total
    assert [blow.at for blow in blows] == sorted(blow.at for blow in blows)
    assert all(blow.place > 0 for blow in blows)


def test_the_lag_is_read_off_the_histogram() -> None:
    """The bucket in which 99 of 100 beats end."""
    counts = {"0.005": 900, "0.01": 985, "0.05": 995, "+Inf": 1000}
    lines = [f'astral_event_loop_lag_seconds_bucket{{le="{bound}"}} {count}.0' for bound, count in counts.items()]
    assert percentile("\n".join(lines)) == 0.05
    assert percentile("") == 0.0


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[tuple[str, list[tuple[float, bytes]]]]:
    """A webhook that answers the n-th post with `answer(n)`; its address, and (time, body) of all posts."""
    posts: list[tuple[float, bytes]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        assert request.headers[HEADER] == "secret"
        posts.append((time.monotonic(), await request.read()))
        return answer(len(posts))

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", posts
    finally:
        await runner.cleanup()


async def deliver(
    answer: Answer, *actions: str, life: float = MESSAGE_LIFE
) -> tuple[Telegram, list[bytes], list[float]]:
    """Updates of one chat, delivered to the end: Telegram, the bodies that came, and the pauses between them."""
    async with receiver(answer) as (url, posts), Telegram([url], "secret", Wire(hurry=100.0)) as telegram:
        writer = Writer(1)
        for action in actions:
            posting = writer.make(FIRST_CHAT, action)
            posting.expires_at = time.monotonic() + life
            telegram.add(posting)
        async with asyncio.timeout(20):
            await telegram.until(len(actions))
        moments = [at for at, _ in posts]
        return telegram, [body for _, body in posts], [b - a for a, b in pairwise(moments)]


async def test_a_failed_update_stays_at_the_head_of_its_queue() -> None:
    """It is repeated, with growing pauses, until it is acknowledged; the next one of its chat waits for that."""
    telegram, bodies, pauses = await deliver(lambda n: web.Response(status=200 if n > 4 else 500), "write", "write")
    assert bodies == [bodies[0]] * 5 + [bodies[5]]
    assert bodies[0] != bodies[5]
    assert pauses[1] >= 0.02  # at once, then after 2, 4 and 8 s, a hundred times faster here
    assert pauses[2] >= 0.04
    assert pauses[3] >= 0.08
    assert (telegram.resends, telegram.statuses[500], len(telegram.acked)) == (4, 4, 2)


async def test_retry_after_is_honoured() -> None:
    """It replaces the pause that would come by itself."""

    def answer(n: int) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "5"}) if n == 1 else web.Response()

    _, bodies, pauses = await deliver(answer, "write")
    assert len(bodies) == 2
    assert pauses[0] >= 0.05


async def test_what_would_be_sent_after_its_life_is_dropped() -> None:
    """Telegram gives it up, and goes on with the next one."""
    telegram, bodies, _ = await deliver(lambda _: web.Response(status=500), "write", life=0.05)
    assert telegram.expired == 1
    assert telegram.unsent == 0
    assert len(bodies) >= 2


async def test_a_lost_answer_makes_a_repeat() -> None:
    """The bot has answered 200, Telegram has not heard it."""
    async with receiver(lambda _: web.Response()) as (url, posts):
        async with Telegram([url], "secret", Wire(hurry=100.0, lost_answers=0.5), seed=3) as telegram:
            writer = Writer(5)
            for _ in range(40):
                telegram.add(writer.draw())
            async with asyncio.timeout(20):
                await telegram.until(40)
        assert len(telegram.acked) == 40
        assert telegram.resends == len(posts) - 40 > 0


async def test_the_balancer_has_no_stickiness_and_no_idea_who_is_dead() -> None:
    """All living replicas get posts; what is refused is repeated, until a living one takes it."""
    async with (
        receiver(lambda _: web.Response()) as (first, some),
        receiver(lambda _: web.Response()) as (second, more),
        Telegram([first, "http://127.0.0.1:1", second], "secret", Wire(hurry=100.0)) as telegram,
    ):
        writer = Writer(20)
        for _ in range(60):
            telegram.add(writer.draw())
        async with asyncio.timeout(20):
            await telegram.until(60)
    assert some
    assert more
    assert len(some) + len(more) == 60
    assert telegram.statuses[0] == telegram.resends > 0


def test_what_another_chat_must_be_told_is_judged_too() -> None:
    """Lost, doubled or overtaken there; from two chats that tell one desk, each in its own order."""
    writer = Writer(2)
    one, other = (writer.make(FIRST_CHAT + place, "tell") for place in (0, 1))
    third = writer.make(FIRST_CHAT, "tell")
    postings = [one, other, third]
    assert {posting.desk for posting in postings} == {-(FIRST_CHAT // 2) * 1_000}
    for posting in postings:
        posting.acked_at = 1.0
    rows = [Row(1, posting.chat, "m", posting.number) for posting in postings]
    own = [Sent(posting.chat, f"m:{posting.number}", 1.0, True) for posting in postings]
    told = [Sent(chat, text, 1.0, True) for posting in postings for chat, text in posting.tells]

    def judged(*there: Sent) -> Verdict:
        found = Verdict("sqlite", 1, 1)
        judging.judge_messages(found, postings, rows, [*own, *there], 0)
        return found

    assert judged(*told).holds
    assert judged(told[1], told[0], told[2]).holds
    assert judged(*told[:2]).messages_lost == 1
    assert judged(told[2], told[1], told[0]).messages_out_of_order == 1
    assert judged(*told, told[0]).doubles_sent == 1


def test_some_chats_of_a_storm_are_groups() -> None:
    """Their updates name the group, and one person who speaks there; presses come in that person's queue."""
    writer = Writer(8, seed=3)
    drawn = [writer.draw() for _ in range(200)]
    groups = {posting.chat for posting in drawn if posting.chat < 0}
    assert groups == {-(FIRST_CHAT + 1), -(FIRST_CHAT + 5)}
    assert all(posting.queue > CALLBACK_QUEUE for posting in drawn if posting.action == "press")


def test_a_wait_does_not_count_while_nobody_is_ready() -> None:
    """Also in part: what falls before the acknowledgement or after the answer is no part of it."""
    (posting,) = acknowledged("write")
    posting.acked_at, posting.first_sent_at = 10.0, 20.0
    assert waited(posting, []) == 10.0
    assert waited(posting, [(5.0, 11.0), (13.0, 15.0), (19.0, 30.0), (40.0, 50.0)]) == 6.0
    assert waited(posting, [(0.0, 100.0)]) == 0.0
    assert share_of([float(n) for n in range(1, 101)]) == 100.0
    assert share_of([2.0, 1.0, 3.0], 0.5) == 2.0
    assert share_of([]) == 0.0


def test_only_those_whom_nothing_is_the_matter_with_are_the_others() -> None:
    """A flooded, a hanging and a crossing chat are not; a chat that the Bot API answered badly is counted apart."""
    writer = Writer(3)
    places = (FIRST_CHAT, FIRST_CHAT + 2, FLOODED, next(iter(HANGING)), next(iter(CROSSING)))
    postings = [writer.make(chat, "write") for chat in places]
    for number, posting in enumerate(postings, 1):
        posting.acked_at, posting.first_sent_at = 10.0, 10.0 + number
    figures = Figures()
    waits(figures, postings, [], [(FIRST_CHAT + 2, 11.0), (FIRST_CHAT, 50.0)])
    assert (figures.others, figures.longest, figures.p99_spared) == (2, 2.0, 1.0)


def test_each_fault_can_be_left_out() -> None:
    """The Bot API's oddities are shares of its calls; blows grow with the minutes."""
    assert Worst().faults.odd > 0
    assert Worst(kinds=frozenset(KINDS) - {"odd"}).faults.odd == 0
    assert Worst(kinds=frozenset(KINDS) - {"blows"}).counts.total == 0
    assert Worst(kinds=frozenset(KINDS) - {"odd-others"}).faults.odd_others == 0
    assert Worst(40.0).counts.kills == 10 * Worst(4.0).counts.kills
    assert Worst(0.5).counts.total == 4


async def test_of_each_odd_answer_it_is_known_whether_the_message_was_taken() -> None:
    """What is not taken is not among what was sent; what is taken may come twice and must be there."""
    seen = dict.fromkeys((one.name for one in SENT if not one.size), 0)
    async with BotApi(Faults(odd=1.0), seed=2) as api, aiohttp.ClientSession() as session:
        for number in range(200):
            before, sent = api.odd.copy(), len(api.sent)
            body = {"chat_id": 1, "text": f"m:{number}"}
            async with session.post(f"{api.url}/bot1:a/sendMessage", json=body, allow_redirects=False) as answer:
                answer.close()
            (name,) = api.odd - before
            (oddity,) = (one for one in SENT if one.name == name)
            taken = len(api.sent) > sent
            assert oddity.taken in (None, taken)
            assert not any(one.answered for one in api.sent)
            seen[name] = seen.get(name, 0) + 1
    assert min(seen.values()) > 0
    assert len(api.spoilt) == 200
