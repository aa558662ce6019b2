"""Answers of a Bot API that are none: what a proxy, a wall page or a broken server says in its place.

Of each one it is known whether the message was taken. Nobody can read that off the answer: so a message may come
twice after one that took it, and must not be missing after one that did not.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

ELSEWHERE = "/elsewhere/"  # what came here has followed a redirect
LARGE = 64 * 2**20  # bytes
PIECE = 2**20


@dataclass(frozen=True)
class Oddity:
    """One answer. `taken` tells whether it takes the message; None: now this, now that.

    `size` is the length in bytes of a body that goes on with spaces, `weight` how often it is drawn.
    """

    name: str
    taken: bool | None
    body: bytes
    status: int = HTTPStatus.OK
    kind: str = "application/json"
    size: int = 0
    weight: int = 7

    async def answer(self, request: web.BaseRequest, url: str) -> web.StreamResponse:
        """Give it; `url` is the server's own address."""
        headers = {"Content-Type": self.kind}
        if self.status == HTTPStatus.TEMPORARY_REDIRECT:
            headers["Location"] = f"{url}{ELSEWHERE}{request.path.rpartition('/')[2]}"
        if not self.size:
            return web.Response(status=self.status, body=self.body, headers=headers)
        response = web.StreamResponse(status=self.status, headers=headers)
        response.content_length = self.size
        with contextlib.suppress(ConnectionError):  # who has enough hangs up
            await response.prepare(request)
            await response.write(self.body)
            for start in range(len(self.body), self.size, PIECE):
                await response.write(b" " * min(PIECE, self.size - start))
        return response


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_WAIT = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": "soon"}}
OTHER = (
    Oddity("HTML", None, b"<html><h1>Welcome to our hotel's network</h1></html>", kind="text/html"),
    Oddity("a list", None, b"[]"),
    Oddity("no UTF-8", None, b'{"ok": true, "result": "\xff\xfe"}'),
    Oddity("a redirect", False, b"", HTTPStatus.TEMPORARY_REDIRECT),
    Oddity("429 with words", False, _json(_WAIT), HTTPStatus.TOO_MANY_REQUESTS),
    Oddity("no result", True, _json({"ok": True, "result": None})),
)
SENT = (
    *OTHER,
    Oddity("message_id 2^70", True, _json({"ok": True, "result": {"message_id": 2**70, "date": 1}})),
    Oddity("64 MiB", None, b'{"ok": true, "result": true', size=LARGE, weight=1),
)


def draw(among: Sequence[Oddity], drawn: random.Random) -> Oddity:
    """One of them."""
    (found,) = drawn.choices(among, [one.weight for one in among])
    return found
