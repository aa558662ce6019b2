"""`job_queue` on due work: what the library keeps in APScheduler's memory is a row of `core_due`.

The library's own JobQueue reads times and makes triggers; only its scheduler is another one. A job runs in the lane
of its chat. A recurring one arms its next run, by its trigger, in the commit of each run.
"""

from __future__ import annotations

import base64
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram.ext import Job as LibraryJob
from telegram.ext import JobQueue

from astral_core.db.tables import DueState, core_due
from astral_core.errors import HandlerError, NotKept
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.envelope import as_json
from astral_core.inbox.schedule import lane_of
from astral_core.inbox.work import UnitOfWork
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.functions import function_of, name_of
from astral_core.ptb.row import Row, here, open_row
from astral_core.ptb.timeouts import KeptTimeout, timeout_of, timeout_place
from astral_core.ptb.triggers import is_same, moment_of, moved, recurrence, trigger_of

if TYPE_CHECKING:
    from astral_core.ptb.conversations import Conversation

KIND = "ptb"  # of due rows
STANDING = "s:"  # how the keys of jobs from setup begin
UNREADABLE = object()  # the data of a job that another version of the bot has made
_SHOWN = 1_000  # jobs of a chat that a handler sees
_ID = 200  # characters of a job's id
log = logging.getLogger("astral.ptb")
_IGNORED = frozenset(("misfire_grace_time", "coalesce", "max_instances", "replace_existing"))
_JOBS = (
    "SELECT lane, key, payload, due_at, schedule FROM core_due"
    " WHERE route = {} AND lane IN ({}, {}, {}) AND state = {} ORDER BY due_at LIMIT {}"
)


@cache
def has_job_queue() -> bool:
    """Whether APScheduler is there, which the library's job queue is made of."""
    return find_spec("apscheduler") is not None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is kept: which function, and what it was given. `data` is of `codec.py`, in base64.

    With `here` its chat is that of its lane, also after a group has become a supergroup.
    """

    callback: str
    name: str
    chat_id: int | None = None
    here: bool = False
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

    def remove(self) -> None:
        """Let it not run again."""
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
        replaces = bool(options.get("replace_existing"))
        given = {one: value for one, value in options.items() if one not in _IGNORED}
        made = trigger_of(trigger, given, self.timezone, self._queue.tz_now())
        return self._queue.arm(args[1], name, made, id, replaces=replaces)

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
        return self.tz_now()

    def tz_now(self) -> datetime:
        """The bot's time, in the zone of its Defaults."""
        return datetime.fromtimestamp(self._time(), self.scheduler.timezone)

    def _time(self) -> float:
        application: Any = self.application
        return float(application.runs_with.services.time()) if application.running else time.time()

    async def start(self) -> None:
        """Nothing: the core's timer runs jobs."""

    async def stop(self, wait: bool = True) -> None:
        """Nothing: the same."""

    # --- arming

    def arm(self, job: Any, name: str, trigger: Any, wanted_id: str | None, *, replaces: bool) -> DurableJob:
        """Keep a job: in the commit of the handler, or of the start if `setup` or `post_init` made it."""
        row = open_row("job_queue")
        timeout = timeout_of(job)
        if timeout is not None:
            return self._arm_timeout(job, *timeout, trigger)
        is_standing = row is None or row.scope is None
        key = self._standing_key(job, name) if is_standing else self._key(wanted_id)
        lane, to, person = self._place(job, row)
        if wanted_id and row is not None and (lane, key) in row.jobs and not replaces:
            raise HandlerError(
                f"plugin {self.plugin!r}: there is a job with the id {wanted_id!r}. Fix: replace_existing=True."
            )
        made = DurableJob(
            key, name, (self, job), trigger, trigger.get_next_fire_time(None, self.tz_now()), lane, self._remove
        )
        job._job = made  # noqa: SLF001  # as the library does it, before anybody looks at it
        due = self._due(made, job, trigger, to, person)
        if is_standing:
            self.standing[key] = Standing(job, made)
        elif due is not None:
            here("job_queue").unit.add_due(due)
        if row is not None and due is not None:
            row.jobs[lane, key] = job
        return made

    def _key(self, wanted_id: str | None) -> str:
        """The key of a job that a handler makes."""
        if wanted_id is not None and not 0 < len(wanted_id) <= _ID:
            raise HandlerError(f"plugin {self.plugin!r}: the id of a job has 1 to {_ID} characters.")
        return f"i:{wanted_id}" if wanted_id is not None else uuid.uuid4().hex

    def _due(self, made: DurableJob, job: Any, trigger: Any, to: Address | None, person: int | None) -> Due | None:
        """The due row of a job; None where its end is before its first run."""
        moment = self.tz_now()
        due_at = trigger.get_next_fire_time(None, moment)
        if due_at is None:
            return None
        body = as_json(
            {"plugin": self.plugin, "key": made.id, "job": _kept(self.plugin, job, made.lane, self.application.bot)}
        )
        schedule = recurrence(trigger)
        after, at = max((due_at - moment).total_seconds(), 0.0), due_at if schedule is not None else None
        return Due(
            KIND, self.route, made.lane, made.id, body, at=at, after=after, schedule=schedule, to=to, person=person
        )

    def _standing_key(self, job: Any, name: str) -> str:
        """What tells a job of `setup` from its others: its name, function, chat and person."""
        who = f"{job.chat_id or ''}:{job.user_id or ''}"
        base, number = f"{STANDING}{name}:{name_of(self.plugin, job.callback)}"[:190] + f":{who}", 1
        while f"{base}:{number}" in self.standing:
            number += 1
        return f"{base}:{number}"

    def _place(self, job: Any, row: Row | None) -> tuple[int, Address | None, int | None]:
        """The lane in which a job runs, its address, and with whom it is forgotten."""
        scope = row.scope if row is not None else None
        if job.chat_id is None and job.user_id is None:
            return self.lane, None, None
        place = job.chat_id if job.chat_id is not None else job.user_id
        if scope is None or place != scope.chat_id or scope.later.lane != place:
            return place, None, job.user_id
        return place, scope.later, job.user_id or scope.later.user

    def _arm_timeout(self, job: Any, conversation: Conversation, found: Any, trigger: Any) -> DurableJob:
        row = here("conversation_timeout")
        moment = self.tz_now()
        due_at = trigger.get_next_fire_time(None, moment) or moment
        lane, key = timeout_place(row, conversation, found.conversation_key)
        scope = row.scope
        payload = scope.row.payload if scope is not None else "{}"
        rest = conversation.rest(found.conversation_key)
        kept = KeptTimeout(conversation=conversation.name, rest=_text(encode(rest)), update=payload)
        body = as_json({"plugin": self.plugin, "key": key, "timeout": msgspec.to_builtins(kept)})
        after, to = max((due_at - moment).total_seconds(), 0.0), scope.later if scope is not None else None
        row.unit.add_due(Due(KIND, self.route, lane, key, body, after=after, to=to))
        return DurableJob(key, job.name, (self, job), trigger, due_at, lane, self._remove)

    def keep_data(self, row: Row, body: dict[str, Any], job: Any) -> None:
        """A job that recurs finds in its next run what it has changed in its data."""
        lane = row.scope.row.lane if row.scope is not None else self.lane
        kept = {**body["job"], "data": _kept(self.plugin, job, lane, self.application.bot)["data"]}
        if kept["data"] == body["job"]["data"]:
            return
        where = (core_due.c.route == self.route, core_due.c.lane == lane, core_due.c.key == body["key"])
        change = update(core_due).where(*where).values(payload=as_json({**body, "job": kept}))

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(change)

        row.unit.writers.append(write)

    async def arm_standing(self, unit: UnitOfWork) -> None:
        """Arm the jobs that `setup` and `post_init` have made, and forget those that they make no more.

        One that recurs by the same trigger goes on as it was, however often the bot starts.
        """
        connection = await unit.session.connection()
        columns = (core_due.c.lane, core_due.c.key, core_due.c.schedule, core_due.c.payload)
        rows = (await connection.execute(select(*columns).where(core_due.c.route == self.route))).all()
        gone = {(change.lane, change.key) for change in unit.due if isinstance(change, Cancel)}
        known = {(row.lane, row.key): row for row in rows if row.key.startswith(STANDING)}
        wanted = {(one.made.lane, key) for key, one in self.standing.items()}
        for lane, key in known.keys() - wanted:
            unit.add_due(Cancel(self.route, lane, key))
        ahead = timedelta(seconds=self._time() - time.time())  # `setup` may have run before the bot's clock was known
        for one in self.standing.values():
            due = self._due(one.made, one.job, moved(one.made.trigger, ahead), None, one.job.user_id)
            if due is None:
                continue
            place = due.lane, due.key
            before = known.get(place) if place not in gone else None
            if before is None or before.payload != due.payload or not is_same(before.schedule, due.schedule):
                unit.add_due(due)

    def _remove(self, made: DurableJob) -> None:
        row = open_row("job_queue")
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
        row = open_row("job_queue")
        jobs = row.jobs.values() if row is not None else (one.job for one in self.standing.values())
        return [job._job for job in jobs]  # noqa: SLF001  # the library's own way

    async def load(self, row: Row) -> dict[tuple[int, str], Any]:
        """The jobs of a row's chat and person, and those of no chat."""
        link = row.application.runs_with.services.reader
        scope = row.scope
        chat = scope.later.lane if scope is not None else self.lane
        person = scope.user.id if scope is not None and scope.user is not None else chat
        query = _JOBS.format(
            *(["?"] * 4 if link.is_sqlite else ("$1", "$2", "$3", "$4")), DueState.WAITING.value, _SHOWN + 1
        )
        rows = await link.fetch(query, self.route, chat, person, self.lane)
        if len(rows) > _SHOWN:
            log.warning("plugin %r: a handler sees the %d jobs that are due first", self.plugin, _SHOWN)
        found: dict[tuple[int, str], Any] = {}
        for lane, key, payload, due_at, schedule in rows[:_SHOWN]:
            body = msgspec.json.decode(payload)
            if "job" in body:
                found[lane, key] = self._restored(body["job"], lane, key, moment_of(due_at), schedule)
        return found

    def restored(self, body: dict[str, Any], row: Row) -> Any:
        """The job that runs. HandlerError where what it was given cannot be read any more."""
        lane = row.scope.row.lane if row.scope is not None else self.lane
        job = self._restored(body["job"], lane, body["key"], None, None)
        if job.data is UNREADABLE:
            raise HandlerError(f"plugin {self.plugin!r}: the data of the job {job.name!r} cannot be read any more.")
        return job

    def _restored(self, body: Any, lane: int, key: str, due_at: datetime | None, schedule: str | None) -> Any:
        kept = msgspec.convert(body, Kept)
        application: Any = self.application
        try:
            data = decode(base64.b64decode(kept.data), application.bot)
        except ValueError:
            data = UNREADABLE
        callback = function_of(self.plugin, kept.callback, application.modules)
        job: Any = LibraryJob(callback, data, kept.name, lane if kept.here else kept.chat_id, kept.user_id)
        job._job = DurableJob(key, kept.name, (self, job), schedule, due_at, lane, self._remove)  # noqa: SLF001
        return job


# --- what is kept of a job


def _kept(plugin: str, job: Any, lane: int, bot: Any) -> Any:
    try:
        data = _text(encode(job.data, bot))
    except NotKept as error:
        raise HandlerError(
            f"plugin {plugin!r}: the data of job {job.name!r} cannot be kept: {error}. Fix: give what it is made of."
        ) from error
    here = job.chat_id is not None and job.chat_id == lane
    kept = Kept(
        callback=name_of(plugin, job.callback), name=job.name, chat_id=None if here else job.chat_id, here=here,
        user_id=job.user_id, data=data,
    )  # fmt: skip
    return msgspec.to_builtins(kept)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
