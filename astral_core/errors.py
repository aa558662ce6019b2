"""Every error that Astral raises, in one tree.

AstralError
├── ConfigError                 a setting is missing or wrong
├── TextsError                  there are no texts to translate, or a catalogue cannot be changed
├── FailpointError              a test wanted a failure here (ASTRAL_FAILPOINT)
├── PluginError                 a plugin is wrong; says which one, where, and how to fix it
│   ├── DeclarationError        one declaration is wrong in itself
│   ├── ConflictError           plugins that cannot live together; lists all conflicts
│   ├── HookError               a hook has the wrong colour, arguments or result
│   └── PluginLoadError         a plugin could not be imported, migrated or started
├── ArchiveTooLarge             a person's export is more than a file in Telegram can hold
├── BodyTimeout                 the body of a request came too slowly
├── DatabaseError
│   ├── DatabaseBusy            another process holds the database
│   ├── MigrationError          the schema in the database is not the one the code knows
│   ├── SessionClosed           a session was used after its unit of work ended
│   └── StateChanged            state was changed by somebody else since it was read: the handler runs again
├── CpuError                    the process pool
│   ├── CpuBusy                 too much work waits already: try again later
│   ├── CpuTimeout              a job took longer than a job may
│   └── CpuCrashed              a job kills its worker
├── InboxError
│   ├── IngestRefused           the inbox cannot take an update now; the sender repeats it
│   │   └── ChatFull            one chat has too many updates waiting; those of others are taken
│   ├── UnreadableUpdate        a body that is not an update
│   ├── Fenced                  a row was finished by somebody else; the unit of work must roll back
│   └── DueCancelled            due work was cancelled or replaced while it ran; the unit of work must roll back
├── HandlerError
│   ├── Refuse                  a handler says no: roll back, tell the user, do not retry
│   │   ├── NoPerson            a handler needs a person, and nobody is known
│   │   ├── FileTooLarge        a file that `ctx.download` may not load: it is too large
│   │   └── FileGone            a file that Telegram does not give out any more
│   ├── Skip                    a route leaves the update to the next one
│   ├── NotKept                 a value of a bot of python-telegram-bot that cannot be kept over a restart
│   ├── MissingService          nobody provides what `ctx.get` asks for
│   ├── Parked                  a plugin that is away has to handle this: it waits until that is back
│   ├── Crowded                 too many handlers of a plugin wait for something slow: this one begins later
│   ├── EffectError             a message that Telegram would refuse
│   ├── CallbackDataError       callback data that cannot be built or parsed
│   ├── WaitingInTransaction    network or waiting after the first write of a unit of work
│   └── HandlerFailed           what the worker sees when a handler raised
└── TelegramError
    ├── TelegramUnavailable     no answer, an odd one, 5xx: try again later
    ├── TelegramThrottled       429: try again after `retry_after` seconds
    ├── TelegramRefused         4xx: the same call will never succeed
    └── DoubtfulCall            a call of `ctx.once` may have been made, and must not be repeated
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


class AstralError(Exception):
    """The root: catch it to catch everything that Astral raises on purpose."""


class ConfigError(AstralError):
    """A setting is missing or wrong. The message never contains a setting's value."""


class TextsError(AstralError):
    """There are no texts to translate, or a catalogue cannot be changed."""


class FailpointError(AstralError):
    """A test wanted a failure here; `name` is the failpoint."""

    def __init__(self, name: str) -> None:
        super().__init__(f"failpoint {name}")
        self.name = name


class ArchiveTooLarge(AstralError):
    """More than one file for Telegram can hold."""


class BodyTimeout(AstralError, TimeoutError):
    """A body did not come in time. Who reads it gets this; a route that lets it pass answers 408."""


class PluginError(AstralError):
    """A plugin is wrong; `plugin` is its id (or "?" before it is known)."""

    def __init__(self, plugin: str, what: str, fix: str = "") -> None:
        end = "" if what.rstrip().endswith((".", "!", "?", ":")) else "."
        super().__init__(f"plugin {plugin!r}: {what}" + (f"{end} Fix: {fix}" if fix else ""))
        self.plugin = plugin
        self.what = what
        self.fix = fix


class DeclarationError(PluginError):
    """One declaration is wrong in itself: a name, a pattern, a limit."""


class HookError(PluginError):
    """A hook implementation has the wrong colour, unknown arguments or a wrong result."""


class PluginLoadError(PluginError):
    """A plugin could not be imported, migrated or started."""


class ConflictError(PluginError):
    """Plugins claim the same thing. `conflicts` holds one sentence each.

    `losers` tells which plugins have to go so that the others can live together, each with its sentences.
    """

    def __init__(self, conflicts: Sequence[str], losers: Mapping[str, Sequence[str]] | None = None) -> None:
        lines = "\n".join(f"  - {line}" for line in conflicts)
        AstralError.__init__(self, f"plugins conflict:\n{lines}" if len(conflicts) > 1 else conflicts[0])
        self.plugin = "?"
        self.conflicts = tuple(conflicts)
        self.losers = losers or {}


class DatabaseError(AstralError):
    """The database, its schema or the way it is used."""


class DatabaseBusy(DatabaseError):
    """Another process holds the database."""


class MigrationError(DatabaseError):
    """The schema in the database is not the one the code knows."""


class SessionClosed(DatabaseError):
    """A session was used after its unit of work ended."""


class StateChanged(DatabaseError):
    """State was changed by somebody else since a handler read it. A handler runs again by itself."""


class CpuError(AstralError):
    """The process pool could not do a job."""


class CpuBusy(CpuError):
    """So many jobs wait for the process pool that one more would wait too long."""


class CpuTimeout(CpuError, TimeoutError):
    """A job did not end in time: the pool is overloaded, or the job takes too long."""


class CpuCrashed(CpuError):
    """A job killed its worker also when it ran alone: no repetition will help."""


class InboxError(AstralError):
    """The durable inbox."""


class IngestRefused(InboxError):
    """The inbox cannot take an update now; `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class ChatFull(IngestRefused):
    """`waiting` updates of one chat wait already: no more of `lane` is taken for now, those of others are."""

    def __init__(self, lane: int, waiting: int, retry_after: int) -> None:
        super().__init__(f"{waiting} updates of the chat {lane} wait", retry_after)
        self.lane = lane
        self.waiting = waiting


class UnreadableUpdate(InboxError):
    """A body that is not an update. `ext_id` makes a repeated delivery one row, `payload` is what can be kept."""

    def __init__(self, reason: str, ext_id: str, payload: str) -> None:
        super().__init__(reason)
        self.ext_id = ext_id
        self.payload = payload


class Fenced(InboxError):
    """A row was finished by somebody else; the unit of work must roll back."""


class DueCancelled(InboxError):
    """Due work was cancelled or replaced while it ran; the unit of work must roll back."""


class HandlerError(AstralError):
    """What happens inside a handler."""


class Refuse(HandlerError):
    """A handler says no: its writes roll back, the user reads `text`, nothing is retried."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class NoPerson(Refuse):
    """A handler needs a person (`ctx.user`), and the update comes from a chat, or from nobody."""


class FileTooLarge(Refuse):
    """`ctx.download` was asked for a file of more than `limit` bytes. Who sent it is told so."""

    def __init__(self, text: str, limit: int) -> None:
        super().__init__(text)
        self.limit = limit


class FileGone(Refuse):
    """Telegram does not give out a file that `ctx.download` was asked for. Who sent it is told so."""


class Skip(HandlerError):
    """A route leaves the update to the next one that fits; before its first write, message or call."""


class NotKept(HandlerError):
    """A value that a bot of python-telegram-bot wants kept cannot be: it is of no type that has a form on disk."""


class MissingService(HandlerError):
    """Nobody provides what `ctx.get` asks for."""


class Parked(HandlerError):
    """What the row is about is `plugin`'s, which is away now: the row leaves its lane and waits for it."""

    def __init__(self, plugin: str) -> None:
        super().__init__(f"plugin {plugin!r} is away")
        self.plugin = plugin


class Crowded(HandlerError):
    """So many handlers of `plugin` wait for something slow that one more begins when one of them has ended."""

    def __init__(self, plugin: str) -> None:
        super().__init__(f"many handlers of plugin {plugin!r} wait for something slow")
        self.plugin = plugin


class EffectError(HandlerError):
    """A message that Telegram would refuse: too long, bad keyboard, bad entities."""


class CallbackDataError(HandlerError):
    """Callback data that cannot be built (arguments) or parsed (forged or outdated)."""


class WaitingInTransaction(HandlerError):
    """Network, the process pool or a sleep was awaited after the first write of a unit of work."""


class HandlerFailed(HandlerError):
    """Raised out of `Application.process_update` so that the worker sees a handler's failure."""


class TelegramError(AstralError):
    """A Bot API call failed. Neither the message nor the repr contains the token or a URL."""

    def __init__(self, method: str, description: str, code: int = 0) -> None:
        super().__init__(f"{method}: {code} {description}" if code else f"{method}: {description}")
        self.method = method
        self.description = description
        self.code = code


class TelegramUnavailable(TelegramError):
    """No answer, an odd answer or 5xx: try again later. `maybe_done`: the call may have had its effect."""

    def __init__(self, method: str, description: str, code: int = 0, *, maybe_done: bool = True) -> None:
        super().__init__(method, description, code)
        self.maybe_done = maybe_done


class TelegramThrottled(TelegramError):
    """429: try again after `retry_after` seconds, 0.1 to a day; one second if the wait cannot be read."""

    def __init__(self, method: str, description: str, retry_after: Any) -> None:
        super().__init__(method, description, 429)
        try:
            wait = float(retry_after)  # it may come from an answer as it is
        except (TypeError, ValueError, OverflowError):
            wait = 1.0
        self.retry_after = 1.0 if math.isnan(wait) else min(max(wait, 0.1), 86_400.0)


class TelegramRefused(TelegramError):
    """4xx: the same call will never succeed. `migrated_to` is the id that the chat has now, if that is why."""

    def __init__(self, method: str, description: str, code: int = 0, *, migrated_to: int | None = None) -> None:
        super().__init__(method, description, code)
        self.migrated_to = migrated_to


class DoubtfulCall(TelegramError):
    """Somebody began a call of `ctx.once` with `on_doubt="raise"`, and nobody knows whether Telegram has made it.

    `key` is the call's. The handler finds out, or lets it be made again with `ctx.forget_once(key)`.
    """

    def __init__(self, method: str, key: str) -> None:
        super().__init__(method, f"it may have been made under the key {key!r}, and must not be repeated")
        self.key = key
