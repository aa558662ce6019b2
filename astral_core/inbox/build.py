"""The inbox is put together here, and nowhere else: the bot and the tests of the inbox call the same function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from astral_core.clock import Clock
from astral_core.config import Inbox as InboxSettings
from astral_core.db.engine import Database
from astral_core.inbox.backlog import Backlog
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.deliver import Deliverer
from astral_core.inbox.due import Finder
from astral_core.inbox.effect import Sender
from astral_core.inbox.election import Election
from astral_core.inbox.ending import Ending
from astral_core.inbox.inflight import InFlight
from astral_core.inbox.journal import open_journal
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.lease import Lease
from astral_core.inbox.observer import Observer
from astral_core.inbox.pacer import Pacer
from astral_core.inbox.replica import Replica
from astral_core.inbox.resync import Resync
from astral_core.inbox.runner import Runner
from astral_core.inbox.store import Store
from astral_core.inbox.timer import Timer
from astral_core.inbox.worker import Worker
from astral_core.supervisor import Supervisor


class Bot(Protocol):
    """What handles rows and sends messages, as far as the inbox knows it."""

    @property
    def runner(self) -> Runner:
        """Runs handlers."""
        ...

    @property
    def sender(self) -> Sender:
        """Sends messages."""
        ...


B = TypeVar("B", bound=Bot)


@dataclass(frozen=True, repr=False)
class Inbox:
    """The durable inbox of one process. `store` takes rows, `replica.begin` lets them be handled."""

    backlog: Backlog
    crowd: Crowd
    lease: Lease
    resync: Resync
    election: Election
    lanes: Lanes
    store: Store
    inflight: InFlight
    deliverer: Deliverer
    pacer: Pacer
    worker: Worker
    replica: Replica
    timer: Timer


def build_inbox(
    database: Database, settings: InboxSettings, *, bot_id: int, name: str, make_bot: Callable[[Store, Crowd], B],
    observer: Observer, supervisor: Supervisor, forgotten: Callable[[int], None] | None = None,
    clock: Clock, direct_url: str | None = None,
) -> tuple[Inbox, B]:  # fmt: skip
    """Build an inbox on `database` and the bot that it works for; starts nothing.

    `make_bot(store, crowd)` makes the bot, whose handlers store rows of their own. `name` is this process's name
    among its replicas; `clock` says when due work is due. `forgotten(lane)` is told of lanes that may be another
    replica's from now on. `direct_url` is for the connection that must not go through a pooler.
    """
    backlog, resync, election = Backlog(settings.max_pending, settings.max_chat), Resync(), Election()
    crowd = Crowd(settings.handlers)
    lease = Lease(shared=not database.is_sqlite)
    journal = open_journal(database, bot_id, lease)

    def lost(lane: int) -> None:
        pacer.drop(lane)
        if forgotten is not None:
            forgotten(lane)

    lanes = Lanes(
        journal, backlog, supervisor, crowd, settings.handlers, settings.max_lane,
        shared=not database.is_sqlite, forgotten=lost,
    )  # fmt: skip
    store = Store(database, journal, backlog, lanes, resync, clock=clock, observer=observer)
    bot = make_bot(store, crowd)
    inflight = InFlight(backlog, bot.runner.too_late)
    pacer = Pacer(store, bot.sender, bot.runner, lease, lanes)
    deliverer = Deliverer(store, bot.sender, bot.runner, inflight, lease, observer, pacer)
    ending = Ending(database, store, bot.runner, inflight, observer, settings.suspect_delay)
    worker = Worker(
        database, store, bot.runner, deliverer, pacer, ending, Finder(journal, store.shared), inflight, crowd,
        observer, handler_timeout=settings.handler_timeout, process=name, suspect_delay=settings.suspect_delay,
    )  # fmt: skip
    replica = Replica(
        database, store, lanes, worker, lease, resync, election, supervisor, observer, bot_id, name, direct_url
    )
    timer = Timer(store, store.wakeup)
    inbox = Inbox(
        backlog, crowd, lease, resync, election, lanes, store, inflight, deliverer, pacer, worker, replica, timer
    )
    return inbox, bot


class _Nobody:
    """Takes no rows."""

    def dispatch(self, stored: object) -> None:
        """Leave the rows to whoever reads the database."""


def detached_store(database: Database) -> Store:
    """A store of a process that handles nothing: a running bot finds what it commits."""
    journal = open_journal(database, 0, Lease(shared=not database.is_sqlite))
    bounds = InboxSettings()
    return Store(database, journal, Backlog(bounds.max_pending, bounds.max_chat), _Nobody(), Resync())
