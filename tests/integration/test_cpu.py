"""The process pool: elsewhere, bounded, rebuilt after a death, and gone with its parent."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from astral_core.cpu import Cpu, CpuBusy, CpuTimeout

PARENT = """
import asyncio, os
from astral_core.cpu import Cpu
async def main():
    print(await Cpu(workers=1).run(os.getpid), flush=True)
    await asyncio.sleep(60)
if __name__ == "__main__":
    asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second where it ends while we read
        return False


async def gone(pid: int) -> None:
    """Wait until the process has ended."""
    while alive(pid):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spawned processes import the main module again: here that would be all of pytest."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.delattr(main, "__file__", raising=False)


@pytest.fixture
async def cpu():
    """A pool of one worker."""
    made = Cpu(workers=1)
    yield made
    await made.close()


async def test_work_runs_in_another_process(cpu: Cpu) -> None:
    """Results and errors come back from a child; its workers ignore the terminal's signals."""
    pid = await cpu.run(os.getpid)
    assert pid != os.getpid()
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        await cpu.run(math.log, -1.0)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert await cpu.run(os.getpid) == pid


async def test_a_killed_worker_breaks_its_job_and_the_next_one_works(cpu: Cpu) -> None:
    """The job that killed its worker fails by name; the pool is rebuilt."""
    first = await cpu.run(os.getpid)
    with pytest.raises(BrokenProcessPool):
        await cpu.run(os._exit, 3)
    assert await cpu.run(os.getpid) not in {first, os.getpid()}
    assert not alive(first)


async def test_a_broken_pool_leaves_no_worker_behind() -> None:
    """Also a worker that was busy when its neighbour died is ended; whoever waited learns of it."""
    cpu = Cpu(workers=2)
    slow = [asyncio.create_task(cpu.run(time.sleep, 60)) for _ in range(2)]
    while cpu._pool is None or len(cpu._pool._processes) < 2:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)
    workers = list(cpu._pool._processes)
    os.kill(workers[0], signal.SIGKILL)
    results = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(result) for result in results] == [BrokenProcessPool] * 2
    for worker in workers:
        await gone(worker)
    assert await cpu.run(abs, -5) == 5
    await cpu.close()


async def test_a_job_beyond_the_time_limit_loses_its_worker(cpu: Cpu) -> None:
    """The caller gets a CpuTimeout, the endless job ends, the next one is served."""
    worker = await cpu.run(os.getpid)
    cpu._timeout = 0.2
    with pytest.raises(CpuTimeout, match="was not done after"):
        await cpu.run(time.sleep, 60)
    await gone(worker)
    cpu._timeout = 25.0
    assert await cpu.run(abs, -5) == 5


async def test_a_full_queue_refuses(cpu: Cpu) -> None:
    """Beyond the bound one is told at once; afterwards there is room again, also after cancellations."""
    cpu._queue = 2
    await cpu.run(abs, 1)
    waiting = [asyncio.create_task(cpu.run(time.sleep, 0.2)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(CpuBusy, match="2 jobs wait"):
        await cpu.run(abs, 1)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert cpu._waiting == 0
    assert await cpu.run(abs, -1) == 1


async def test_close_does_not_wait_for_an_endless_job() -> None:
    """Within the grace jobs may end, then their workers are killed; closing an unused pool does nothing."""
    cpu = Cpu(workers=1)
    await cpu.close()
    worker = await cpu.run(os.getpid)
    endless = asyncio.create_task(cpu.run(time.sleep, 60))
    await asyncio.sleep(0.05)
    await cpu.close(grace=0.1)
    with pytest.raises(BrokenProcessPool):
        await endless
    assert not alive(worker)


async def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of the bot leaves no process behind."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220  # nothing else runs in this loop
    assert process.stdout is not None
    worker = int(await asyncio.to_thread(process.stdout.readline))
    assert alive(worker)
    process.kill()
    await asyncio.to_thread(process.communicate)
    await gone(worker)
