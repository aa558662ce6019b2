"""`job_queue` on due work: what the library keeps in APScheduler's memory is a row of `core_due`.

The library's own JobQueue reads times and makes triggers; only its scheduler is another one. A job runs in the lane
of its chat. A recurring one arms its next run, by its trigger, in the commit of each run.
"""

from __future__ import annotations

import base64
import importlib
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select
from telegram.ext import Job as LibraryJob
from telegram.ext import JobQueue

from astral_core.db.tables import core_due
from astral_core.errors import HandlerError, NotKept
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.envelope import as_json
from astral_core.inbox.schedule import lane_of
from astral_core.inbox.work import UnitOfWork
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.row import Row, current, here
from astral_core.ptb.timeouts import KeptTimeout, timeout_of, timeout_place
from astral_core.ptb.triggers import is_same, moment_of, moved, recurrence, trigger_of

if TYPE_CHECKING:
    from astral_core.ptb.conversations import Conversation

KIND = "ptb"  # of due rows
STANDING = "s:"  # how the keys of jobs from setup begin
_SHOWN = 1_000  # jobs of a chat that a handler sees
_IGNORED = frozenset(("misfire_grace_time", "coalesce", "max_instances", "replace_existing"))
_JOBS = (
    "SELECT lane, key, payload, due_at, schedule FROM core_due"
    " WHERE route = {} AND lane IN ({}, {}) AND state = 0 ORDER BY due_at LIMIT {}"
)


@cache
def has_job_queue() -> bool:
    """Whether APScheduler is there, which the library's job queue is made of."""
    return find_spec("apscheduler") is not None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is kept: which function, and what it was given. `data` is of `codec.py`, in base64."""

    callback: str
    name: str
    chat_id: int | None = None
    user_id: int | None = None
    data: str


@dataclass
class DurableJob:
    """What the library takes for APScheduler's job. `lane` and `key` are those of its due row."""

    id: str
    name: str
    args: tuple[Any, Any]
    trigger: Any
    next_run_time: datetime | None
    lane: int
    remover: Callable[[DurableJob], None]
    is_removed: bool = field(default=False)

    def remove(self) -> None:
        """Let it not run again."""
        self.is_removed = True
        self.remover(self)

    def pause(self) -> None:
        """Refused: it would be lost with the process."""
        raise HandlerError("job.enabled is not durable. Fix: job.schedule_removal(), and make it anew later.")

    resume = pause


@dataclass(frozen=True)
class Standing:
    """A job that `setup` or `post_init` has made: it is there at each start."""

    job: Any
    made: DurableJob


class Scheduler:
    """What the library takes for APScheduler's scheduler."""

    running = True

    def __init__(self, queue: PtbJobQueue) -> None:
        self._queue = queue
        self.timezone: Any = UTC

    def configure(self, *, timezone: Any = None, **_: Any) -> None:
        """Take the zone of the bot's Defaults."""
        self.timezone = timezone or UTC

    def add_job(
        self, func: Any, trigger: Any = None, args: Any = None, name: str = "", id: str | None = None, **options: Any  # noqa: A002
    ) -> DurableJob:  # fmt: skip
        """Arm a job. HandlerError where it cannot be kept."""
        del func
        job = args[1]
        made = trigger_of(
            trigger, {one: value for one, value in options.items() if one not in _IGNORED}, self.timezone
        )
        return self._queue.arm(job, name, made, id)

    def get_jobs(self) -> list[DurableJob]:
        """The jobs of this chat, and those of no chat."""
        return self._queue.visible()


class PtbJobQueue(JobQueue[Any]):
    """The library's JobQueue with a scheduler of ours."""

    def __init__(self, plugin: str) -> None:
        # The library's constructor makes a scheduler in memory.
        self._application = None
        self._executor = SimpleNamespace(_pending_futures=())
        self.plugin = plugin
        self.scheduler: Any = Scheduler(self)
        self.standing: dict[str, Standing] = {}

    def __repr__(self) -> str:
        return f"<PtbJobQueue of plugin {self.plugin!r}>"

    @property
    def route(self) -> str:
        """What its due rows are filed under."""
        return f"{self.plugin}.ptb"

    @property
    def lane(self) -> int:
        """The lane of jobs of no chat."""
        return lane_of(self.route)

    def _tz_now(self) -> datetime:
        return datetime.fromtimestamp(self._time(), self.scheduler.timezone)

    def _time(self) -> float:
        application: Any = self.application
        return float(application.runs_with.services.time()) if application.running else datetime.now(UTC).timestamp()

    async def start(self) -> None:
        """Nothing: the core's timer runs jobs."""

    async def stop(self, wait: bool = True) -> None:
        """Nothing: the same."""

    # --- arming

    def arm(self, job: Any, name: str, trigger: Any, wanted_id: str | None) -> DurableJob:
        """Keep a job: in the commit of the handler, or of the start if `setup` or `post_init` made it."""
        row = current.get()
        timeout = timeout_of(job)
        if timeout is not None:
            return self._arm_timeout(job, *timeout, trigger)
        due_at = trigger.get_next_fire_time(None, self._tz_now())
        is_standing = row is None or row.scope is None
        key = self._standing_key(job, name) if is_standing else f"i:{wanted_id}" if wanted_id else uuid.uuid4().hex
        lane, to, person = self._place(job, row)
        made = DurableJob(key, name, (self, job), trigger, due_at, lane, self._remove)
        job._job = made  # noqa: SLF001  # as the library does it, before anybody looks at it
        due = self._due(made, job, trigger, to, person)
        if is_standing:
            self.standing[key] = Standing(job, made)
        elif due is not None:
            here("job_queue").unit.add_due(due)
        if row is not None and due is not None:
            row.jobs[lane, key] = job
        return made

    def _due(self, made: DurableJob, job: Any, trigger: Any, to: Address | None, person: int | None) -> Due | None:
        """The due row of a job; None where its end is before its first run."""
        moment = self._tz_now()
        due_at = trigger.get_next_fire_time(None, moment)
        if due_at is None:
            return None
        body = as_json({"plugin": self.plugin, "key": made.id, "job": _kept(self.plugin, job)})
        after = max((due_at - moment).total_seconds(), 0.0)
        schedule = recurrence(trigger)
        return Due(KIND, self.route, made.lane, made.id, body, after=after, schedule=schedule, to=to, person=person)

    def _standing_key(self, job: Any, name: str) -> str:
        base, number = f"{STANDING}{name}:{_qualified(self.plugin, job.callback)}"[:240], 1
        while f"{base}:{number}" in self.standing:
            number += 1
        return f"{base}:{number}"

    def _place(self, job: Any, row: Row | None) -> tuple[int, Address | None, int | None]:
        """The lane in which a job runs, its address, and with whom it is forgotten."""
        scope = row.scope if row is not None else None
        if job.chat_id is not None and (scope is None or job.chat_id != scope.chat_id):
            return job.chat_id, None, job.user_id
        if scope is None:
            return self.lane, None, job.user_id
        later = scope.later
        return later.lane, later, job.user_id or later.user

    def _arm_timeout(self, job: Any, conversation: Conversation, found: Any, trigger: Any) -> DurableJob:
        row = here("conversation_timeout")
        moment = self._tz_now()
        due_at = trigger.get_next_fire_time(None, moment) or moment
        lane, key = timeout_place(row, conversation, found.conversation_key)
        scope = row.scope
        payload = scope.row.payload if scope is not None else "{}"
        kept = KeptTimeout(conversation=conversation.name, key=_text(encode(found.conversation_key)), update=payload)
        body = as_json({"plugin": self.plugin, "key": key, "timeout": msgspec.to_builtins(kept)})
        after, to = max((due_at - moment).total_seconds(), 0.0), scope.later if scope is not None else None
        row.unit.add_due(Due(KIND, self.route, lane, key, body, after=after, to=to))
        return DurableJob(key, job.name, (self, job), trigger, due_at, lane, self._remove)

    async def arm_standing(self, unit: UnitOfWork) -> None:
        """Arm the jobs that `setup` and `post_init` have made, and forget those that they make no more.

        One that recurs by the same trigger goes on as it was, however often the bot starts.
        """
        known: dict[str, tuple[int, str | None]] = {}
        connection = await unit.session.connection()
        query = select(core_due.c.lane, core_due.c.key, core_due.c.schedule).where(core_due.c.route == self.route)
        for lane, key, schedule in (await connection.execute(query)).all():
            if key.startswith(STANDING):
                known[key] = lane, schedule
        for key, (lane, _) in known.items():
            if key not in self.standing:
                unit.add_due(Cancel(self.route, lane, key))
        ahead = timedelta(seconds=self._time() - time.time())  # a test has moved the bot's clock, not the machine's
        for key, one in self.standing.items():
            trigger = moved(one.made.trigger, ahead)
            due = self._due(one.made, one.job, trigger, None, one.job.user_id)
            before = known.get(key)
            if due is not None and (before is None or due.schedule is None or not is_same(before[1], due.schedule)):
                unit.add_due(due)

    def _remove(self, made: DurableJob) -> None:
        row = current.get()
        if row is None:
            self.standing.pop(made.id, None)
            return
        row.jobs.pop((made.lane, made.id), None)
        if row.scope is None:
            self.standing.pop(made.id, None)
        row.unit.add_due(Cancel(self.route, made.lane, made.id))

    # --- what there is

    def visible(self) -> list[DurableJob]:
        """The jobs that the running handler sees."""
        row = current.get()
        jobs = row.jobs.values() if row is not None else (one.job for one in self.standing.values())
        return [job._job for job in jobs if not job._job.is_removed]  # noqa: SLF001  # the library's own way

    async def load(self, row: Row) -> dict[tuple[int, str], Any]:
        """The jobs of a row's chat, and those of no chat."""
        link = row.application.runs_with.services.reader
        marks = ("?", "?", "?") if link.is_sqlite else ("$1", "$2", "$3")
        query = _JOBS.format(*marks, _SHOWN)
        lane = row.scope.later.lane if row.scope is not None else self.lane
        found: dict[tuple[int, str], Any] = {}
        for place, key, payload, due_at, schedule in await link.fetch(query, self.route, lane, self.lane):
            body = msgspec.json.decode(payload)
            if "job" in body:
                kept = msgspec.convert(body["job"], Kept)
                found[place, key] = self._restored(kept, place, key, moment_of(due_at), schedule)
        return found

    def restored(self, body: dict[str, Any], row: Row) -> Any:
        """The job that runs."""
        lane = row.scope.row.lane if row.scope is not None else self.lane
        return self._restored(msgspec.convert(body["job"], Kept), lane, body["key"], None, None)

    def _restored(self, kept: Kept, lane: int, key: str, due_at: datetime | None, schedule: str | None) -> Any:
        job: Any = LibraryJob(
            _function(self.plugin, kept.callback), decode(base64.b64decode(kept.data), self.application.bot),
            kept.name, kept.chat_id, kept.user_id,
        )  # fmt: skip
        job._job = DurableJob(key, kept.name, (self, job), schedule, due_at, lane, self._remove)  # noqa: SLF001
        return job


# --- what is kept of a job


def _kept(plugin: str, job: Any) -> Any:
    try:
        data = _text(encode(job.data))
    except NotKept as error:
        raise HandlerError(f"plugin {plugin!r}: the data of job {job.name!r} cannot be kept: {error}.") from error
    kept = Kept(
        callback=_qualified(plugin, job.callback), name=job.name, chat_id=job.chat_id, user_id=job.user_id, data=data
    )
    return msgspec.to_builtins(kept)


def _qualified(plugin: str, callback: Any) -> str:
    """`module:qualname` of a function of a module. HandlerError for any other: it could not be found again."""
    module, name = getattr(callback, "__module__", None), getattr(callback, "__qualname__", "<lambda>")
    if module is None or "<" in name or _found(module, name) is not callback:
        raise HandlerError(
            f"plugin {plugin!r}: the job {callback!r} could not be found again after a restart. "
            "Fix: give a function of a module, no lambda, no method and no function inside of another one; "
            "what it needs can be in data=."
        )
    return f"{module}:{name}"


def _function(plugin: str, text: str) -> Any:
    module, _, name = text.partition(":")
    found = _found(module, name)
    if found is None:
        raise HandlerError(f"plugin {plugin!r}: a job calls {text}, which is not there any more.")
    return found


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    if found is None:
        try:
            found = importlib.import_module(module)
        except ImportError:
            return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
