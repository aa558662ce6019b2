"""Messages for other chats in the inbox itself: one commit, that chat's lane, its owner, its order, its crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from astral_core.db.tables import DONE, core_blobs, core_inbox, core_lanes
from astral_core.errors import DatabaseError, TelegramThrottled
from astral_core.inbox.effect import Effect, Ref, SendResult, packed, unpacked
from astral_core.inbox.elsewhere import read, redirected, split
from astral_core.inbox.outbox import recorded
from astral_core.inbox.rows import INTERNAL, InboxRow
from astral_core.inbox.work import UnitOfWork

DESK = 900


def tells(bench: Any, *chats: int, once: bool = False) -> None:
    """Let handlers answer, and tell these chats; `once`: the message must not be repeated."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(f"{row.ext_id} here", row.lane)]
        for chat in chats:
            effect = bench.message(f"{row.ext_id} at {chat}", chat).effect
            effect.on_doubt = "drop" if once else "resend"
            outcome.contents.append(recorded(effect))

    bench.runner.handler = handler


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)


async def waiting(bench: Any) -> list[int]:
    """The lanes of messages for other chats that are not sent yet."""
    query = select(core_inbox.c.lane).where(core_inbox.c.kind == "messages", core_inbox.c.state != DONE)
    async with bench.engine.connect() as connection:
        return list((await connection.execute(query)).scalars())


async def test_a_message_for_another_chat_has_its_own_lane(bench) -> None:
    """It is stored with the handler's commit, also if the handler wrote nothing."""
    tells(bench, DESK, 901)
    await bench.open()
    await bench.ingest(ext_id="a")
    lane = bench.lanes._lanes[7]
    lane.busy = True
    await bench.step(lane)
    assert sorted(await waiting(bench)) == [DESK, 901]
    assert bench.sender.sent == []
    await bench.begin()
    await bench.settle()
    assert sorted(bench.sender.sent) == ["a at 900", "a at 901", "a here"]
    assert set((await bench.states()).values()) == {DONE}


async def test_a_chat_that_has_to_wait_holds_up_nobody_else(bench) -> None:
    """And its messages go out in the order of the commits, also after a restart."""
    waits = True

    def fail(text: str) -> None:
        if waits and "at 900" in text:
            raise TelegramThrottled("sendMessage", "too many", 0.05)

    bench.sender.fail = fail
    tells(bench, DESK)
    await bench.start()
    for number in range(5):
        await bench.ingest(lane=number, ext_id=str(number))
        await bench.ingest(lane=number, ext_id=f"{number}b")
    await until(lambda: len(bench.sender.sent) >= 10)
    assert all("here" in text for text in bench.sender.sent)
    await bench.crash()
    bench.sender.sent.clear()
    waits = False
    await bench.start()
    await bench.settle()
    there = [text for text in bench.sender.sent if "at 900" in text]
    assert len(there) == 10
    for number in range(5):
        assert [text for text in there if text.startswith(str(number))] == [
            f"{number} at 900", f"{number}b at 900",
        ]  # fmt: skip


async def test_what_must_not_repeat_does_not_there_either(bench) -> None:
    """It goes through the outbox of the other chat's lane, which notes that it is on its way."""
    tells(bench, DESK, once=True)
    await bench.start()
    await bench.ingest(ext_id="a")
    await bench.settle()
    assert sorted(bench.sender.sent) == ["a at 900", "a here"]
    assert await bench.count() == 0


async def test_each_message_is_noted_when_it_is_out(bench) -> None:
    """Where several go to one chat, a death in the middle costs one doubt, and repeats none that was noted."""
    held = True

    def fail(text: str) -> None:
        if held and text == "3":
            raise TelegramThrottled("sendMessage", "too many", 60)

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message(str(number), DESK) for number in range(1, 6)]

    bench.sender.fail, bench.runner.handler = fail, handler
    await bench.start()
    await bench.ingest(ext_id="a")
    await until(lambda: bench.sender.sent == ["1", "2"])
    await asyncio.sleep(0.1)  # the second one is noted now, and the third has to wait
    held = False
    await bench.crash()
    await bench.start()
    await bench.settle()
    assert bench.sender.sent == ["1", "2", "3", "4", "5"]


async def test_a_database_that_is_away_for_a_moment_costs_a_pause(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a message that must not be repeated comes then; it waits for its next try as due work."""
    tells(bench, DESK, once=True)
    commit, failed = UnitOfWork.commit, []

    async def once(self: Any, row: Any = None, epoch: int = 0, contents: Any = ()) -> None:
        if row is not None and row.kind == "messages" and not failed:
            failed.append(row.seq)
            raise DatabaseError("the server is away")
        await commit(self, row, epoch, contents)

    monkeypatch.setattr(UnitOfWork, "commit", once)
    await bench.start()
    await bench.ingest(ext_id="a")
    await until(lambda: "a at 900" in bench.sender.sent)
    await bench.settle()
    assert failed
    assert sorted(bench.sender.sent) == ["a at 900", "a here"]
    assert set((await bench.states()).values()) == {DONE}


async def test_a_file_that_telegram_refuses_is_kept_for_a_retry(bench) -> None:
    """It lies beside the dead message."""

    async def handler(row: Any, work: Any, outcome: Any) -> None:
        outcome.contents = [bench.message("file", DESK, b"data")]

    bench.runner.handler = handler
    bench.sender.fail = lambda text: SendResult(refused="no") if text == "file" else None
    await bench.start()
    await bench.ingest(ext_id="a")
    await bench.settle()
    assert (await bench.count(), await bench.count(core_blobs)) == (1, 1)


def contents(*effects: Effect) -> list[Any]:
    """Effects as a handler records them, one with a file."""
    return [recorded(effect, b"\xff\x00data" if effect.attachment else None) for effect in effects]


def effect(chat: Any, text: str, **fields: Any) -> Effect:
    """A message."""
    params = {"chat_id": chat, "text": text} if chat is not None else {"text": text}
    return Effect(method="sendMessage", params=params, plugin="weather", **fields)


async def test_references_and_files_go_along(bench) -> None:
    """A reference names the message that the same handler sent to the same chat; a file stays what it is."""
    await bench.open()
    row = await bench.ingest(ext_id="a")
    made = contents(
        effect(7, "0"), effect(DESK, "1"), effect(7, "2", message=Ref(0)), effect(DESK, "3", message=Ref(1)),
        effect(DESK, "4", attachment="photo"), effect(None, "5"), effect("@News", "6"), effect(7, "7"),
        effect(7, "8", message=Ref(7)),
    )  # fmt: skip
    own, others = split(made, row)
    assert [(one.effect.params["text"], one.effect.message) for one in own] == [
        ("0", None), ("2", Ref(0)), ("5", None), ("7", None), ("8", Ref(3)),
    ]  # fmt: skip
    assert [new.source for new in others] == [f"{INTERNAL}:messages"] * 2
    assert [new.lane for new in others if new.lane > 0] == [DESK]
    (stored,) = [new for new in others if new.lane == DESK]
    again = read(InboxRow(1, stored.source, stored.ext_id, DESK, "messages", False, stored.payload, row.received_at))
    assert [(one.effect.params["text"], one.effect.message) for one in again] == [
        ("1", None),
        ("3", Ref(0)),
        ("4", None),
    ]
    assert again[2].data == b"\xff\x00data"


async def test_an_answer_names_its_message_among_those_for_the_same_chat(bench) -> None:
    """Also in the supergroup that a group has become; an answer to a message that is over there answers nothing."""
    await bench.open()
    row = await bench.ingest(ext_id="a")
    made = contents(
        effect(7, "0"), effect(DESK, "1"), effect(DESK, "2", reply_to=Ref(1)), effect(7, "3", reply_to=Ref(0))
    )
    own, (other,) = split(made, row)
    assert [one.effect.reply_to for one in own] == [None, Ref(0)]
    again = read(InboxRow(1, other.source, other.ext_id, DESK, "messages", False, other.payload, row.received_at))
    assert [one.effect.reply_to for one in again] == [None, Ref(0)]
    gone = effect(-7, "", message=5)
    moved = redirected(
        contents(gone, effect(-7, "1"), effect(-7, "2", reply_to=Ref(1)), effect(-7, "3", reply_to=Ref(0))), -1007
    )
    assert [(one.effect.params["text"], one.effect.reply_to) for one in moved] == [
        ("1", None),
        ("2", Ref(0)),
        ("3", None),
    ]


def test_another_file_for_a_message_that_is_over_is_a_message_of_its_own() -> None:
    """In the supergroup that its group has become: with the file, its name, its caption and its buttons."""
    media = {"type": "video", "media": "attach://video", "caption": "film", "parse_mode": "HTML", "duration": 3}
    params = {"chat_id": -7, "media": media, "reply_markup": {"inline_keyboard": []}}
    edit = Effect(method="editMessageMedia", params=params, message=5, files={"video": "film.mp4"})
    (sent,) = redirected([recorded(edit, b"film")], -1007)
    assert (sent.effect.method, sent.effect.message, sent.data) == ("sendVideo", None, b"film")
    assert sent.effect.params == {
        "chat_id": -1007, "video": "attach://video", "caption": "film", "parse_mode": "HTML", "duration": 3,
        "reply_markup": {"inline_keyboard": []},
    }  # fmt: skip
    assert unpacked(sent.effect, sent.data) == {"video": ("film.mp4", b"film")}


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=40), max_size=4))
def test_the_files_of_a_message_are_kept_as_they_are(files: dict[str, bytes]) -> None:
    """One or several, with the names under which they are uploaded."""
    effect = Effect(method="x", params={}, files={name: f"{name}.bin" for name in files})
    assert unpacked(effect, packed(files)) == {name: (f"{name}.bin", content) for name, content in files.items()}


# --- PostgreSQL: two replicas


async def owner_of(bench: Any, lane: int) -> int | None:
    """Whose a lane is."""
    async with bench.engine.connect() as connection:
        found: int | None = await connection.scalar(select(core_lanes.c.owner).where(core_lanes.c.lane == lane))
        return found


@pytest.mark.postgres
async def test_the_owner_of_the_other_chat_sends(pair) -> None:
    """Two replicas tell a third chat; the one that has it sends everything there, each sender's in order."""
    first, second = pair
    tells(first, DESK)
    tells(second, DESK)
    await second.ingest(lane=DESK, ext_id="own")
    await second.settle()
    assert await owner_of(second, DESK) == second.inbox.lease.number
    for number in range(10):
        await first.ingest(lane=1, ext_id=f"f{number}")
        await second.ingest(lane=2, ext_id=f"s{number}")
    await until(lambda: len([text for text in second.sender.sent if "at 900" in text]) == 21)
    assert not [text for text in first.sender.sent if "at 900" in text]
    there = [text for text in second.sender.sent if "at 900" in text]
    for name in "fs":
        own = [text for text in there if text.startswith(name)]
        assert own == [f"{name}{number} at 900" for number in range(10)]
