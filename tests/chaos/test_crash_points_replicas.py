"""Crash points 13, 15 and 17: a replica dies while it takes over, the server dies, a dead replica comes back."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_kit.scene import KILLED, Scene, open_scene

from astral_playground.testkit.postgres import LocalPostgres, find_source, postgres

pytestmark = pytest.mark.postgres


@pytest.fixture
def own_server(postgres_server: object) -> Iterator[LocalPostgres]:
    """A server for this test alone, with fsync on, that it may stop."""
    del postgres_server  # it skips where there is none
    if find_source().origin == "url":
        pytest.skip("a server that was given by URL is not ours to stop")
    with postgres(fsync=True) as server:
        assert isinstance(server, LocalPostgres)
        yield server


async def test_point_13_a_take_over_that_is_cut_short_is_done_by_the_next(replicas_scene: Scene) -> None:
    """The survivor dies while it takes the dead one's chats: nothing is half taken, the next replica takes all."""
    scene = replicas_scene
    first, second, third = scene.replica(), scene.replica(), scene.replica()
    await first.start()
    update = await scene.send("hold", first)
    await scene.held(update.number)
    await scene.send("write", first)
    await second.start("replica.takeover:kill")
    await first.kill()
    assert await second.ended() == KILLED
    assert await scene.books.one("SELECT count(*) FROM core_inbox WHERE state = 0") == 2
    scene.let_go()
    await third.start()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2"]


async def test_point_15_the_server_dies_at_once_and_comes_back(
    own_server: LocalPostgres, zygote: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """503 meanwhile, and the process lives; what got 200 before is handled after, in order, once."""
    url = own_server.url(own_server.create_database())
    async with open_scene(zygote, url, tmp_path) as scene:
        bot = scene.replica()
        await bot.start()
        first = await scene.send("hold")
        await scene.held(first.number)
        await scene.send()
        await scene.send("later")
        await asyncio.to_thread(own_server.stop, "QUIT")
        update = scene.update()
        assert await scene.post(update) == 503
        await bot.until_ready(False, limit=20)
        assert await bot.answers("/healthz")
        await asyncio.to_thread(own_server.start)
        await scene.deliver(update)
        scene.let_go()
        await scene.settle()
        assert await scene.written() == ["m:1", "m:2", "m:3", "m:4", "s:3"]
        assert list(dict.fromkeys(scene.said())) == await scene.written()
        assert bot.alive
        await bot.ready()
        assert await bot.stop() == 0


@pytest.mark.long
async def test_point_17_a_frozen_replica_comes_back_and_is_fenced(replicas_scene: Scene) -> None:
    """Another one took its chats meanwhile; what the thawed one still commits is refused, and it serves on."""
    scene = replicas_scene
    zombie, other = scene.replica(), scene.replica()
    await zombie.start()
    await other.start()
    update = await scene.send("hold", zombie)
    await scene.held(update.number)
    await scene.send("write", zombie)
    zombie.freeze()
    await scene.held(update.number, times=2)  # the other one has begun with it
    scene.let_go()
    await scene.settle()
    assert await scene.written() == ["m:1", "m:2"]
    zombie.thaw()
    await scene.deliver(scene.update(), zombie)  # refused until it knows that it was taken for dead
    await scene.settle()
    assert await scene.written() == ["m:1", "m:2", "m:3"]
    assert await scene.counted() == 3
    assert list(dict.fromkeys(scene.said())) == ["m:1", "m:2", "m:3"]
    assert len(scene.said()) - 3 <= scene.logged("doubtful")
    assert zombie.alive
    assert await zombie.stop() == 0


async def test_point_17_a_replica_whose_connections_live_on_is_fenced(replicas_scene: Scene) -> None:
    """The others could not cut it off: what it commits later is refused by the fence of its chat."""
    scene = replicas_scene
    zombie, other = scene.replica(), scene.replica()
    await zombie.start()
    await other.start()
    update = await scene.send("hold", zombie)
    await scene.held(update.number)
    zombie.freeze()
    await scene.books.oust(zombie.port)
    await scene.held(update.number, times=2)
    scene.let_go()
    await scene.settle()
    zombie.thaw()
    await scene.deliver(scene.update(), zombie)
    await scene.settle()
    assert await scene.written() == ["m:1", "m:2"]
    assert await scene.counted() == 2
    assert scene.said() == ["m:1", "m:2"]
    assert await zombie.stop() == 0
