"""A bot whose plugin says each of its secrets in every spelling, wherever it can: nobody can read one anywhere."""

from __future__ import annotations

import html
import io
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from aiohttp import web as aioweb
from pydantic import BaseModel, SecretStr
from sqlalchemy import text

from astral_core import PluginContext, Routes
from astral_core.app import build
from astral_core.host.state import LoadedPlugin
from astral_core.known_secrets import known_secrets
from astral_core.observe.logs import configure_logging
from astral_playground.testkit.bot import started

MakePlugin = Callable[..., LoadedPlugin]
METRICS_TOKEN = "metrics token+of/the%20owner"
SECRETS = ("p@ss/w:ör%d+\"'\\ &=#", "пароль-базы данных", "50%41 off%20it", "<b>bold & odd</b>")


class Pins(BaseModel):
    """Settings of the plugin."""

    pins: list[SecretStr]
    url: str


def spellings(secret: str) -> list[str]:
    """How code may write it."""
    basic = b64encode(f"me:{secret}".encode()).decode()
    return [secret, quote(secret, safe=""), quote_plus(secret).lower(), repr(secret)[1:-1], json.dumps(secret)[1:-1],
            html.escape(secret), basic, basic.rstrip("="), f"Basic {basic}"]  # fmt: skip


@pytest.fixture(params=[False, True], ids=["text", "json"])
def configure(request: pytest.FixtureRequest) -> Iterator[Callable[[list[str]], io.StringIO]]:
    """`configure(secrets)`: the log of `astral run`, in a stream."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level

    def start(secrets: list[str]) -> io.StringIO:
        stream = io.StringIO()
        configure_logging(secrets, as_json=request.param, stream=stream)
        return stream

    yield start
    configure_logging([], stream=io.StringIO())
    root.handlers[:], root.level = kept


async def test_no_spelling_of_a_secret_gets_out(
    sqlite_url: str, make_plugin: MakePlugin, http: aiohttp.ClientSession,
    configure: Callable[[list[str]], io.StringIO],
) -> None:  # fmt: skip
    """Neither in the log, its tracebacks and notes, nor in dead letters, alerts, metrics, pages and reprs."""
    routes = Routes()
    said = [spelling for secret in (*SECRETS, "url-pass/word 1") for spelling in spellings(secret)]

    @routes.command("leak", description="Leak")
    async def leak(ctx: Any) -> None:
        for one in said:
            ctx.log.info("it is %s, %r", one, {one: [one]}, extra={"what": one})
        gauge = ctx.gauge("said", "What was said", "what")
        for one in said:
            gauge.labels(one).set(1)
        error = RuntimeError(" ".join(said))
        error.add_note("\n".join(said))
        raise error from ValueError(said)

    @routes.page("GET", "/broken")
    async def broken(ctx: PluginContext, request: aioweb.Request) -> aioweb.StreamResponse:
        raise RuntimeError("".join(said))

    plugin = make_plugin("open", routes, settings=Pins)
    section = {"pins": [*SECRETS], "url": f"https://me:{quote('url-pass/word 1', safe='')}@example.com"}
    shown: list[str] = []
    settings = {"web": {"metrics_token": METRICS_TOKEN}, "admins": (1,), "plugins": {"open": section}}
    async with started(sqlite_url, [plugin], settings) as kit:
        app = kit.running
        stream = configure(known_secrets(kit.settings(), app.host.plugin_settings.values()))
        anna = kit.user("Anna")
        await anna.send("/leak")
        await anna.wait_for("Something went wrong")
        for path in ("plugins/open/broken", "metrics", "readyz"):
            headers = {"Authorization": f"Bearer {METRICS_TOKEN}"} if path != "plugins/open/broken" else {}
            async with http.get(f"{kit.url}/{path}", headers=headers) as response:
                shown.append(await response.text())
        assert "_said{what=" in shown[1]
        assert "serving" in shown[2]
        async with app.database.engine.connect() as connection:
            for query in ("SELECT error FROM core_inbox WHERE error != ''", "SELECT * FROM core_outbox"):
                shown += [str(row) for row in await connection.execute(text(query))]
        shown += [f"{type(thing)} {thing!r} {thing}" for thing in (
            app, app.settings, app.host, app.bot.transport, app.bot.services, app.inbox.replica, app.database,
        )]  # fmt: skip
        shown += [str(call.params) for call in kit.telegram.world.calls if call.method == "sendMessage"]
    log = stream.getvalue()
    assert log.count("it is") >= len(said)
    assert "RuntimeError" in log
    assert "ValueError" in log
    for one in (*said, METRICS_TOKEN, kit.telegram.token, kit.secret):
        assert one not in log, one
        assert [text[:60] for text in shown if one in text] == [], one


def test_a_settings_repr_has_no_raw_section(make_settings: Any) -> None:
    """Which texts of a plugin's section are secret its model knows, so none is shown."""
    settings = make_settings(plugins={"shop": {"pin": "one-pin-1"}})
    assert "one-pin-1" not in f"{settings!r} {settings} {build(settings, plugins=[])!r}"
