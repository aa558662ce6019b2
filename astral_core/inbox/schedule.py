"""When recurring work runs next."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


class Schedule(msgspec.Struct, frozen=True):
    """Every `every` seconds, counted from the Unix epoch, so that all replicas and all starts agree."""

    every: float

    def after(self, moment: datetime) -> datetime:
        """The first run after `moment`."""
        slot = int(moment.timestamp() // self.every)
        while (due := datetime.fromtimestamp(slot * self.every, UTC)) <= moment:  # one or two turns: floats round
            slot += 1
        return due

    def encoded(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


_decoder = msgspec.json.Decoder(Schedule)


def read_schedule(text: str) -> Schedule:
    """A stored schedule. Raises msgspec.MsgspecError if another version wrote it."""
    return _decoder.decode(text)
