"""The process pool: elsewhere, bounded, shared, rebuilt after a death, and gone with its parent."""

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

from astral_core.errors import CpuBusy, CpuCrashed, CpuTimeout
from astral_core.process_pool import ProcessPool

# Forty parents, ten at a time, forked so that they cost little. Ten are killed when so many of their workers have
# begun to compute: the others' workers are anywhere on their way.
PARENTS = """
import asyncio, os, signal, time
from astral_core.process_pool import ProcessPool
async def parent(pipe):
    cpu = ProcessPool(workers=1)
    await cpu.run(abs, -1)
    os.write(pipe, b".")
    await cpu.run(time.sleep, 60)
def launch(pipe):
    pid = os.fork()
    if not pid:
        asyncio.run(parent(pipe))
    return pid
if __name__ == "__main__":
    for n in (0, 3, 6, 9):
        begun, pipe = os.pipe()
        pids = [launch(pipe) for _ in range(10)]
        for _ in range(n):
            os.read(begun, 1)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    print("done", flush=True)
"""
PARENT = """
import asyncio, os
from astral_core.process_pool import ProcessPool
async def main():
    print(await ProcessPool(workers=1).run(os.getpid), flush=True)
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


def slow_after(begun: Path) -> str:
    """A job that tells when it has begun."""
    begun.touch()
    time.sleep(0.3)
    return "done"


def die(code: int) -> None:
    """A job that ends its process; one of our own, since measuring tools replace `os._exit`."""
    os._exit(code)


def note(calls: Path, name: str) -> tuple[str, int]:
    """A job that leaves a trace of each of its runs."""
    with calls.open("a") as file:
        file.write(name + "\n")
    time.sleep(0.1)
    return name, os.getpid()


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
    made = ProcessPool(workers=1)
    yield made
    await made.close()


async def test_work_runs_in_another_process(cpu: ProcessPool) -> None:
    """Results and errors come back from a child; its workers ignore the terminal's signals."""
    pid = await cpu.run(os.getpid)
    assert pid != os.getpid()
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        await cpu.run(math.log, -1.0)
    for number in (signal.SIGTERM, signal.SIGINT):  # of another process than its parent, as a service manager's
        sender = f"import os; os.kill({pid}, {int(number)})"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-S", "-c", sender], check=True)
    assert await cpu.run(os.getpid) == pid


async def test_a_killed_worker_breaks_its_job_and_the_next_one_works(cpu: ProcessPool) -> None:
    """The job that killed its worker twice fails by name and costs no third one; the pool is rebuilt."""
    first = await cpu.run(os.getpid)
    with pytest.raises(CpuCrashed, match="die killed two worker processes"):
        await cpu.run(die, 3)
    assert (cpu._pool, cpu._second) == (None, None)
    assert await cpu.run(os.getpid) not in {first, os.getpid()}
    assert not alive(first)


async def test_the_innocent_neighbours_of_a_killer_get_their_results(tmp_path: Path) -> None:
    """All jobs of a broken pool run once more, each alone: only the guilty one fails, whoever waited in the queue."""
    cpu = ProcessPool(workers=2)
    begun = tmp_path / "begun"
    slow = asyncio.create_task(cpu.run(slow_after, begun))
    while not begun.exists():  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)
    guilty = asyncio.create_task(cpu.run(die, 3))
    queued = [asyncio.create_task(cpu.run(abs, -n)) for n in range(5)]
    assert await asyncio.gather(*queued) == [0, 1, 2, 3, 4]
    assert await slow == "done"
    with pytest.raises(CpuCrashed):
        await guilty
    assert cpu._second is None
    await cpu.close()


async def test_a_broken_pool_leaves_no_worker_behind() -> None:
    """Also a worker that was busy when its neighbour died is ended."""
    cpu = ProcessPool(workers=2)
    slow = [asyncio.create_task(cpu.run(time.sleep, 60)) for _ in range(2)]
    while cpu._pool is None or len(cpu._pool._processes) < 2:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)
    workers = list(cpu._pool._processes)
    os.kill(workers[0], signal.SIGKILL)
    for worker in workers:
        await gone(worker)
    assert await cpu.run(abs, -5) == 5
    await cpu.close(grace=0)
    results = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(result, (BrokenProcessPool, asyncio.CancelledError)) for result in results)


async def test_a_job_beyond_the_time_limit_loses_its_worker(cpu: ProcessPool) -> None:
    """The caller gets a CpuTimeout, the endless job ends, the next one is served."""
    worker = await cpu.run(os.getpid)
    cpu._timeout = 0.2
    with pytest.raises(CpuTimeout, match="was not done after"):
        await cpu.run(time.sleep, 60)
    await gone(worker)
    cpu._timeout = 25.0
    assert await cpu.run(abs, -5) == 5


async def test_a_full_queue_refuses(cpu: ProcessPool) -> None:
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


async def test_what_is_asked_for_twice_at_once_is_computed_once(cpu: ProcessPool, tmp_path: Path) -> None:
    """One key, one computation, also where one of those who wait goes away; later it is computed anew."""
    calls = tmp_path / "calls"
    same = [asyncio.create_task(cpu.run(note, calls, "same", key="moon")) for _ in range(5)]
    other = asyncio.create_task(cpu.run(note, calls, "other", key="sun"))
    while cpu._waiting < 2:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0)
    assert cpu._waiting == 2
    same[0].cancel()
    results = await asyncio.gather(*same[1:], other)
    assert [name for name, _ in results] == ["same"] * 4 + ["other"]
    assert all(result is results[0] for result in results[:4])
    assert sorted(calls.read_text().split()) == ["other", "same"]
    await cpu.run(note, calls, "same", key="moon")
    assert calls.read_text().split().count("same") == 2
    assert cpu._flights == {}


async def test_a_failure_is_everybodys_who_asked_and_nobodys_afterwards(cpu: ProcessPool) -> None:
    """The error of a shared computation reaches each of those who wait, and is not kept."""
    asked = [asyncio.create_task(cpu.run(math.sqrt, -1.0, key="root")) for _ in range(3)]
    assert [type(error) for error in await asyncio.gather(*asked, return_exceptions=True)] == [ValueError] * 3
    assert await cpu.run(math.sqrt, 4.0, key="root") == 2.0
    left = asyncio.create_task(cpu.run(math.sqrt, -1.0, key="root"))
    await asyncio.sleep(0)
    left.cancel()
    while cpu._flights:  # noqa: ASYNC110  # no event tells; an error that nobody reads must not be warned of
        await asyncio.sleep(0.01)


async def test_close_does_not_wait_for_an_endless_job() -> None:
    """Within the grace jobs may end, then their workers are killed; closing an unused pool does nothing."""
    await ProcessPool(workers=1).close()
    cpu = ProcessPool(workers=1)
    worker = await cpu.run(os.getpid)
    endless = asyncio.create_task(cpu.run(time.sleep, 60))
    await asyncio.sleep(0.05)
    await cpu.close(grace=0.1)
    with pytest.raises(BrokenProcessPool):
        await endless
    assert not alive(worker)
    with pytest.raises(BrokenProcessPool, match="is closed"):
        await cpu.run(abs, -1)


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


def marked(mark: str) -> list[int]:
    """The processes that were started with `mark` in their environment and still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes() and alive(int(path.name)):
                found.append(int(path.name))
        except OSError:  # it ended, or is not ours
            continue
    return found


@pytest.mark.rest
@pytest.mark.long
async def test_forty_killed_parents_leave_no_process_behind(tmp_path: Path) -> None:
    """Whenever kill -9 comes, also while a worker starts: the workers and multiprocessing's own helpers end."""
    script = tmp_path / "parents.py"
    script.write_text(PARENTS)
    mark = f"astral-{os.getpid()}-{time.monotonic_ns()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        env={**os.environ, "ASTRAL_TEST_MARK": mark},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    assert said == b"done\n"
    try:
        async with asyncio.timeout(30):
            while marked(mark):  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.05)
    finally:
        for pid in marked(mark):  # a failed test shall not leave them either
            os.kill(pid, signal.SIGKILL)
