"""Crash points 12, 14 and 16: the process dies while it migrates or stops, or its disk is full."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from chaos_kit.scene import KILLED, Scene, open_scene

from astral_playground.testkit.process import until

TABLES = {
    True: "SELECT count(*) FROM sqlite_master WHERE name LIKE 'core\\_%' ESCAPE '\\'",
    False: "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'core\\_%'",
}
LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_database AS here ON here.oid = pg_locks.database
WHERE locktype = 'advisory' AND granted = :granted AND here.datname = current_database()
"""
ROOM = 600_000  # bytes a file may have: the schema fits, some hundred updates do not


async def test_point_12_a_broken_off_migration_leaves_nothing(
    zygote: subprocess.Popen[bytes], database_url: str, tmp_path: Path
) -> None:
    """The schema changes in one transaction on both engines; the next start makes it, and serves."""
    async with open_scene(zygote, database_url, tmp_path, migrated=False) as scene:
        bot = scene.replica()
        await bot.spawn("migrate.before_commit:kill")
        assert await bot.ended() == KILLED
        assert await scene.books.one(TABLES[scene.books.is_sqlite]) == 0
        await bot.start()
        await scene.send()
        await scene.settle()
        assert await scene.written() == scene.said() == ["m:1"]
        assert await scene.books.integrity() == "ok"


@pytest.mark.postgres
async def test_point_12_the_next_replica_migrates_when_the_first_one_dies(
    zygote: subprocess.Popen[bytes], postgres_url: str, tmp_path: Path
) -> None:
    """It waits for the lock of the one that migrates; the lock dies with its session, and nothing is half done."""
    async with open_scene(zygote, postgres_url, tmp_path, migrated=False) as scene:
        dead, alive = scene.replica(), scene.replica()

        async def locks(granted: bool) -> bool:
            return bool(await scene.books.one(LOCKS, granted=granted))

        await dead.spawn("migrate.before_commit:sleep=60")
        await until(lambda: locks(True), what="the first replica migrates")
        await alive.spawn()
        await until(lambda: locks(False), what="the second replica waits for its turn")
        await dead.kill()
        await alive.ready()
        await scene.send("write", alive)
        await scene.settle()
        assert await scene.written() == scene.said() == ["m:1"]


async def test_point_14_a_drain_that_is_cut_short_loses_nothing(scene: Scene) -> None:
    """kill -9 after SIGTERM: what ran and what waited is done after the restart, in order, once."""
    bot = scene.replica()
    await bot.start("app.draining:kill")
    first = await scene.send("hold")
    await scene.held(first.number)
    await scene.send("later")
    assert await bot.stop() == KILLED
    scene.let_go()
    await bot.start()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2", "s:2"]


@pytest.mark.postgres
async def test_point_14_a_drained_replicas_chats_go_on_elsewhere(replicas_scene: Scene) -> None:
    """SIGTERM with updates that wait behind a slow one: the drained replica ends with 0, another one finishes."""
    scene = replicas_scene
    leaving, staying = scene.replica(), scene.replica()
    await leaving.start()
    await staying.start()
    first = await scene.send("hold", leaving)
    await scene.held(first.number)
    await scene.send("write", leaving)
    await scene.send("write", staying)
    scene.let_go()
    assert await leaving.stop() == 0
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2", "m:3"]


async def test_point_16_a_full_disk_refuses_and_loses_nothing(sqlite_scene: Scene) -> None:
    """No room: 503, not ready, still alive. All that got 200 has its effect once there is room, and only once."""
    scene = sqlite_scene
    bot = scene.replica()
    await bot.start()
    await bot.stop()  # the files are small again
    await bot.start(file_limit=ROOM)
    acknowledged, refused = [], []

    async def is_full() -> bool:
        update = scene.update(chat=len(acknowledged) % 20)
        status = await scene.post(update)
        assert status in {200, 503}
        (acknowledged if status == 200 else refused).append(update)
        return not await bot.answers()

    await until(is_full, what="the bot is not ready any more")
    assert acknowledged
    assert refused
    assert bot.alive
    assert await bot.answers("/healthz")
    await bot.kill()
    await bot.start()
    await scene.settle()
    rows = [(row.chat, f"{row.stream}:{row.number}") for row in await scene.books.rows()]
    assert sorted(rows) == sorted((update.chat, f"m:{update.number}") for update in acknowledged)
    assert await scene.post(refused[-1]) == 200
    await scene.settle()
    assert await scene.books.integrity() == "ok"
