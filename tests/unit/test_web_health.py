"""/healthz, /readyz and /metrics: who may see what."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request
from pydantic import SecretStr

from astral_core.observe.metrics import Metrics
from astral_core.web.health import Health


def a_request(
    remote: str | None, headers: Mapping[str, str] | None = None, version: HttpVersion = HttpVersion11
) -> Request:
    """A GET from `remote`, to a name of this machine unless `headers` say otherwise."""
    sent = {"Host": "localhost:8080", **(headers or {})}
    return make_mocked_request("GET", "/metrics", headers=sent, version=version).clone(remote=remote)


def health(points: dict[str, bool] | None = None, token: str | None = None) -> Health:
    """The routes with these points of readiness."""

    async def check() -> dict[str, bool]:
        return points if points is not None else {"serving": True}

    return Health(check, lambda: ["a chat"], Metrics(), lambda: None, SecretStr(token) if token else None)


@pytest.mark.parametrize(
    ("remote", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"Host": "127.0.0.1"}, 200),
        ("::1", {"Host": "[::1]:8080"}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, 403),
        ("127.0.0.1", {"x-forwarded-for": ""}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 403),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 403),
        ("127.0.0.1", {"CF-Connecting-IP": "8.8.8.8"}, 403),
        ("127.0.0.1", {"Host": "bot.example.org"}, 403),
        ("127.0.0.1", {"Host": "localhost.example.org"}, 403),
        ("127.0.0.1", {"Host": "127.0.0.1.example.org"}, 403),
        ("127.0.0.1", {"Host": "0.0.0.0:8080"}, 403),
        ("127.0.0.1", {"Host": ""}, 403),
        ("10.0.0.7", {}, 403),
        ("8.8.8.8", {"X-Forwarded-For": "127.0.0.1"}, 403),
        (None, {}, 403),
        ("unix", {}, 403),
    ],
)
async def test_without_a_token_metrics_are_for_loopback_alone(
    remote: str | None, headers: dict[str, str], status: int
) -> None:
    """A proxy on the same machine is no owner, whether it says for whom it asks or passes the public name alone."""
    assert (await health().prometheus(a_request(remote, headers))).status == status


async def test_a_proxy_that_says_nothing_is_known_by_its_old_http() -> None:
    """nginx without settings speaks HTTP/1.0 and names the port that it asks: no owner's tool does."""
    request = a_request("127.0.0.1", version=HttpVersion10)
    assert (await health().prometheus(request)).status == 403
    assert (await health().readyz(request)).text == "ready\n"


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer right-token", 200), ("Bearer right-toke", 403), ("right-token", 403), ("", 403), ("Bearer ё", 403)],
)
async def test_with_a_token_it_decides_for_everybody(header: str, status: int) -> None:
    """The whole token is needed, also from loopback."""
    for remote in ("8.8.8.8", "127.0.0.1"):
        for forwarded in ({}, {"X-Forwarded-For": "127.0.0.1", "Host": "bot.example.org"}):
            request = a_request(remote, {**forwarded, **({"Authorization": header} if header else {})})
            assert (await health(token="right-token").prometheus(request)).status == status
            details = (await health(token="right-token").readyz(request)).text or ""
            assert ("serving" in details) is (status == 200)


async def test_readiness_tells_strangers_yes_or_no_and_the_owner_why() -> None:
    """A balancer needs the status; which part is missing is the owner's business."""
    broken = health({"serving": True, "database": False})
    stranger, owner = await broken.readyz(a_request("8.8.8.8")), await broken.readyz(a_request("127.0.0.1"))
    assert (stranger.status, stranger.text) == (503, "not ready\n")
    assert owner.status == 503
    assert '"database": false' in (owner.text or "")
    assert (await health().readyz(a_request("8.8.8.8"))).text == "ready\n"


async def test_liveness_asks_nobody() -> None:
    """A database that is away must not restart every process."""

    async def check() -> dict[str, bool]:
        raise RuntimeError("the database is gone")

    answer = await Health(check, list, Metrics(), lambda: None, None).healthz(a_request("8.8.8.8"))
    assert (answer.status, answer.text) == (200, "ok\n")
