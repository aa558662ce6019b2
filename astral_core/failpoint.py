"""Failpoints: places at which a test lets this process die, fail or wait, to show what then becomes of an update.

``ASTRAL_FAILPOINT=name:action[,name:action...]`` with the actions ``kill`` (SIGKILL to this process), ``raise``
(FailpointError) and ``sleep=SECONDS`` (the event loop stands still, as in a frozen process). ``name:action@N`` acts
at the N-th passage alone, ``name:action`` at every one. Where the variable is not set, a passage costs one look at
``armed``:

    if failpoint.armed:
        failpoint.hit("worker.before_commit")
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

from astral_core.errors import ConfigError, FailpointError

VARIABLE = "ASTRAL_FAILPOINT"

# Every failpoint, in the order in which an update passes them. A name that is not here is refused at the start.
NAMES = {
    "web.before_read": "the secret is right, the body is not read yet",
    "web.before_store": "the body is read, nothing is committed",
    "ingest.committed": "updates are committed, nobody has been told",
    "web.before_answer": "the update is committed and handed out, 200 is not sent",
    "worker.before_run": "the update's handler is about to begin",
    "once.begun": "a call of ctx.once is noted as begun, and not made",
    "once.made": "Telegram has answered a call of ctx.once, its result is not kept",
    "once.kept": "the result of a call of ctx.once is kept, the handler has not got it",
    "worker.before_commit": "the handler has ended, its transaction is open",
    "worker.commit_lost": "the transaction is committed, its answer did not arrive",
    "worker.committed": "the transaction is committed, no message is sent",
    "outbox.sending": "a message is about to be sent",
    "outbox.sent": "Telegram has taken a message, nobody has noted it",
    "paced.sending": "what a slot is to show is about to be sent, in its time",
    "paced.sent": "Telegram has taken what a slot was to show, nobody has noted it",
    "done.before_mark": "an update that wrote nothing is handled and answered, its row is still pending",
    "replica.takeover": "a dead replica's lanes are taken from it, the transaction is not committed",
    "app.draining": "SIGTERM has come, what runs is being finished",
    "migrate.before_commit": "a migration has run, its transaction is open",
}

_ITEM = re.compile(r"([a-z_.]+):(kill|raise|sleep=(\d+(?:\.\d+)?))(?:@(\d+))?")


@dataclass
class _Charge:
    """What happens at one failpoint; `at` is the passage that it waits for, 0 for every one."""

    action: str
    seconds: float = 0.0
    at: int = 0
    passed: int = 0


def parse(text: str) -> dict[str, _Charge]:
    """Read the variable's text; ConfigError names what is wrong and what may stand there."""
    charges: dict[str, _Charge] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = _ITEM.fullmatch(item)
        if found is None or found[1] not in NAMES:
            raise ConfigError(
                f"{VARIABLE}: {item!r} is no failpoint. Fix: name:kill, name:raise or name:sleep=SECONDS, @N for the "
                f"N-th passage; names are {', '.join(NAMES)}."
            )
        charges[found[1]] = _Charge(found[2].partition("=")[0], float(found[3] or 0), int(found[4] or 0))
    return charges


def arm(environ: Mapping[str, str] = os.environ) -> None:
    """Take the failpoints of the environment; done once at the start, and by tests."""
    global armed  # one switch a process: it has to cost nothing where it is off
    armed = parse(environ.get(VARIABLE, "")) or None


def hit(name: str) -> None:
    """Pass the failpoint `name`. Raises FailpointError where the test wants it so."""
    charge = (armed or {}).get(name)
    if charge is None:
        return
    charge.passed += 1
    if charge.at and charge.passed != charge.at:
        return
    if charge.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # the signal is on its way; nothing of this process may go on
    elif charge.action == "sleep":
        time.sleep(charge.seconds)
    else:
        raise FailpointError(name)


armed: dict[str, _Charge] | None = None
arm()
