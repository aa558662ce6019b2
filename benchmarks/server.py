"""A Bot API server that costs next to nothing: it says yes to everything, counts, and notes when what came.

Run as a process with the port as its argument. It stands in for Telegram's server where its own time would blur
what is measured; what it says is the least that every library accepts. ``/bench/...`` is for the benchmark.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
import signal
import sys
import time
from collections import Counter

from benchmarks.wire import end_of_head, end_of_message

ME = {
    "id": 123456, "is_bot": True, "first_name": "Bench", "username": "bench_bot", "can_join_groups": True,
    "can_read_all_group_messages": False, "supports_inline_queries": False, "can_connect_to_business": False,
    "has_main_web_app": False,
}  # fmt: skip
MESSAGE = {
    "message_id": 1,
    "date": 1,
    "chat": {"id": 1, "type": "private", "first_name": "Bench"},
    "from": {"id": 123456, "is_bot": True, "first_name": "Bench"},
    "text": "Pressed",
}
PHOTO = [{"file_id": "photo", "file_unique_id": "photo", "width": 1080, "height": 1080}]
WEBHOOK = {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
RESULTS = {
    "getMe": ME,
    "getWebhookInfo": WEBHOOK,
    "getUpdates": [],
    "sendMessage": MESSAGE,
    "editMessageText": MESSAGE,
    "sendPhoto": {**MESSAGE, "photo": PHOTO},
}
CHAT = re.compile(rb"chat_id[^0-9-]{1,8}(-?\d+)")  # in JSON, in a form, and in a multipart body


def response(value: object) -> bytes:
    """A whole HTTP response with `value` as JSON."""
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


ANSWERS = {method: response({"ok": True, "result": result}) for method, result in RESULTS.items()}
YES = response({"ok": True, "result": True})


class Calls:
    """What came: a count for each method; with `noted`, also the time, method and chat of each call."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.calls: list[tuple[float, str, int]] = []
        self.noted = False

    def take(self, method: str, message: bytes) -> bytes:
        """Count the call and answer it."""
        self.counts[method] += 1
        if self.noted:
            chat = CHAT.search(message)
            self.calls.append((time.monotonic(), method, int(chat[1]) if chat else 0))
        return ANSWERS.get(method, YES)

    def control(self, word: str) -> bytes:
        """`count` and `note` begin anew, without and with notes; `counts` and `calls` tell."""
        if word in ("count", "note"):
            self.counts.clear()
            self.calls.clear()
            self.noted = word == "note"
        return response(self.calls if word == "calls" else self.counts)


class Connection(asyncio.Protocol):
    """One client's connection, kept alive."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every message that is whole."""
        self._buffer += data
        while (end := end_of_message(self._buffer)) > 0:
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            path = message.split(b" ", 2)[1].decode("ascii", "replace")
            folder, _, word = path.rpartition("/")
            answer = self._calls.control(word) if folder == "/bench" else self._calls.take(word, message)
            if self._transport is not None:
                self._transport.write(answer)
        if b"100-continue" in self._buffer[: max(end_of_head(self._buffer), 0)] and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def main() -> None:
    """Serve until SIGTERM."""
    calls, loop, stop = Calls(), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gc.freeze()
    server = await loop.create_server(lambda: Connection(calls), "127.0.0.1", int(sys.argv[1]))
    await stop.wait()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
