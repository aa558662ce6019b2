"""Notifications: a POST for each event, repeated until the receiver answers exactly 200.

The first attempt is at once, then come up to seven more with the gaps that YooKassa's support named in
2022 (10 s to 24 h). A delivery carries the object as it was at the event and goes on even if the object has
changed since; deliveries know nothing of each other, so that their order is not kept.
"""

from __future__ import annotations

import asyncio
import copy
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ConfigDict, field_validator

from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.faults import Fault, Faults, merged
from astral_playground.yookassa.objects import timestamp

__all__ = ["EVENTS", "GAPS", "Delivery", "NotificationSettings", "Notifier"]

EVENTS = ("payment.waiting_for_capture", "payment.succeeded", "payment.canceled", "refund.succeeded")
GAPS = (10, 42, 84, 168, 672, 5376, 86016)
SOURCE_IP = "185.71.76.5"
_ATTEMPT_TIMEOUT = 10.0


class NotificationSettings(BaseModel):
    """What a shop sets in YooKassa's cabinet: where notifications go and which.

    `source_ip_header` names a header (`X-Forwarded-For`) that carries one of YooKassa's addresses, as a
    proxy in front of the receiver would set it.
    """

    model_config = ConfigDict(extra="forbid")
    url: str | None = None
    events: tuple[str, ...] = EVENTS
    source_ip_header: str | None = None

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the notification URL must be an absolute http(s) URL")
        return url

    @field_validator("events")
    @classmethod
    def _known(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(events) - set(EVENTS):
            raise ValueError(f"unknown events {sorted(unknown)}; known: {', '.join(EVENTS)}")
        return events


@dataclass(slots=True)
class Delivery:
    """One notification on its way; `state` is waiting, delivered, failed (given up) or lost (a fault)."""

    id: int
    event: str
    object_id: str
    body: bytes
    next_at: datetime
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    tried: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    gate: asyncio.Event | None = field(default=None, repr=False)

    def dump(self) -> dict[str, Any]:
        """As JSON for the control API."""
        return {
            "id": self.id,
            "event": self.event,
            "object_id": self.object_id,
            "state": self.state,
            "next_at": timestamp(self.next_at) if self.state == "waiting" else None,
            "attempts": self.attempts,
            "body": json.loads(self.body),
        }


class Notifier:
    """Sends notifications; start it inside a running loop, close it before the loop ends.

    :param speed: gaps between attempts are divided by it.
    """

    def __init__(self, clock: VirtualClock, faults: Faults, *, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"Notifier: speed {speed} must be positive")
        self.settings = NotificationSettings()
        self.deliveries: list[Delivery] = []
        self._clock = clock
        self._faults = faults
        self._speed = speed
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[Delivery] = []
        self._held: list[Delivery] = []
        self._count = 0
        self._changed = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP session."""
        timeout = aiohttp.ClientTimeout(total=_ATTEMPT_TIMEOUT)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)

    async def close(self) -> None:
        """Stop all deliveries and close the session."""
        await self.reset()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def reset(self) -> None:
        """Stop and forget all deliveries; the settings stay."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for delivery in self.deliveries:
            delivery.tried.set()
        self.deliveries.clear()
        self._early.clear()
        self._held.clear()
        self._count = 0

    def emit(self, event: str, snapshot: dict[str, Any]) -> None:
        """An event happened: notify the shop, as settings and faults say."""
        if self.settings.url is None or event not in self.settings.events:
            return
        body = {"type": "notification", "event": event, "object": copy.deepcopy(snapshot)}
        faults = {fault.do: fault for fault in self._faults.take("notification", event=event)}
        if mutate := faults.get("mutate"):
            body = merged(body, mutate.patch)
        copies = faults["duplicate"].copies if "duplicate" in faults else 1
        for _ in range(copies):
            self._begin(event, snapshot["id"], _encoded(body), faults)

    def redeliver(self, object_id: str, event: str) -> Delivery | None:
        """Send the newest notification of this object and event once more; None if there was none."""
        for old in reversed(self.deliveries):
            if old.object_id == object_id and old.event == event:
                return self._begin(event, object_id, old.body, {})
        return None

    def forge(self, body: Any) -> Delivery:
        """Send any JSON as a notification: whoever knows the URL can do that."""
        content = body if isinstance(body, dict) else {}
        target = content.get("object")
        object_id = target.get("id") if isinstance(target, dict) else None
        return self._begin(str(content.get("event", "")), str(object_id or ""), _encoded(body), {})

    async def early(self) -> None:
        """Wait for the first attempts that must come before the API's answer (`before_response`)."""
        waiting, self._early = self._early, []
        for delivery in waiting:
            await delivery.tried.wait()

    async def idle(self) -> None:
        """Wait until no delivery is due now: each is finished or waits for a later time."""
        while any(self._is_due(delivery) for delivery in self.deliveries):
            self._changed.clear()
            await self._changed.wait()

    def _is_due(self, delivery: Delivery) -> bool:
        held = delivery.gate is not None and not delivery.gate.is_set()
        return delivery.state == "waiting" and not held and delivery.next_at <= self._clock.now()

    def _begin(self, event: str, object_id: str, body: bytes, faults: dict[str, Fault]) -> Delivery:
        self._count += 1
        now = self._clock.now()
        delay = timedelta(seconds=faults["delay"].seconds) if "delay" in faults else timedelta(0)
        delivery = Delivery(self._count, event, object_id, body, now + delay)
        self.deliveries.append(delivery)
        if "lose" in faults:
            delivery.state = "lost"
            return delivery
        if reorder := faults.get("reorder"):
            self._hold(delivery, reorder.window)
        if "before_response" in faults:
            self._early.append(delivery)
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    def _hold(self, delivery: Delivery, window: int) -> None:
        """Keep deliveries back until there are `window` of them, then let them go last first."""
        delivery.gate = asyncio.Event()
        self._held.append(delivery)
        if len(self._held) >= window:
            self.release()

    def release(self) -> None:
        """Let go what `reorder` keeps back, the last one first."""
        held, self._held = self._held, []
        task = asyncio.get_running_loop().create_task(self._release(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _release(self, held: list[Delivery]) -> None:
        for delivery in reversed(held):
            if delivery.gate is not None:
                delivery.gate.set()
            await delivery.tried.wait()

    async def _deliver(self, delivery: Delivery) -> None:
        if delivery.gate is not None:
            await delivery.gate.wait()
        try:
            for gap in (*GAPS, None):
                await self._clock.sleep_until(delivery.next_at)
                if await self._attempt(delivery):
                    delivery.state = "delivered"
                    return
                if gap is not None:
                    delivery.next_at = self._clock.now() + timedelta(seconds=gap / self._speed)
                    self._after_attempt(delivery)
            delivery.state = "failed"
        finally:
            self._after_attempt(delivery)

    def _after_attempt(self, delivery: Delivery) -> None:
        delivery.tried.set()
        self._changed.set()

    async def _attempt(self, delivery: Delivery) -> bool:
        """POST once; True only for an answer of exactly 200."""
        url, session = self.settings.url, self._session
        attempt: dict[str, Any] = {"at": timestamp(self._clock.now())}
        delivery.attempts.append(attempt)
        if url is None or session is None:
            attempt["error"] = "no notification URL is set"
            return False
        headers = {"Content-Type": "application/json"}
        if self.settings.source_ip_header:
            headers[self.settings.source_ip_header] = SOURCE_IP
        try:
            async with session.post(url, data=delivery.body, headers=headers, allow_redirects=False) as response:
                attempt["status"] = response.status
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            attempt["error"] = type(error).__name__
            return False


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode(errors="replace")
