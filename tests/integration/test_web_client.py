"""Whose request it is: a plugin's route sees the sender's address, and nobody can choose his own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import aiohttp
import pytest
from aiohttp import web as aioweb

from astral_core import PluginContext, Routes
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
LOCAL = ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")


@pytest.fixture
def mirror(make_plugin: MakePlugin) -> LoadedPlugin:
    """A plugin that says whom it takes you for, and what you said."""
    routes = Routes()

    @routes.page("POST", "/who/{what}")
    async def who(ctx: PluginContext, request: aioweb.Request) -> aioweb.Response:
        return aioweb.Response(text=f"{request.remote} {request.match_info['what']} {await request.text()}")

    return make_plugin("mirror", routes)


PASSED_ON = [
    ([], "127.0.0.1"),
    (["1.2.3.4"], "1.2.3.4"),
    (["9.9.9.9, 1.2.3.4"], "1.2.3.4"),  # what stands left of it, the sender wrote himself
    (["1.2.3.4, 10.1.2.3,10.0.0.9"], "1.2.3.4"),  # a chain of proxies
    (["9.9.9.9", "1.2.3.4"], "1.2.3.4"),  # two headers are one
    (["10.1.2.3"], "10.1.2.3"),
    (["185.71.76.5, nonsense"], "127.0.0.1"),
    (["185.71.76.5, nonsense, 10.1.2.3"], "10.1.2.3"),
    (["1.2.3.4:5678"], "1.2.3.4"),
    (["[2a02:5180::1]:443"], "2a02:5180::1"),
    (["2a02:5180::1, fd00::7"], "2a02:5180::1"),
    (["::ffff:1.2.3.4"], "1.2.3.4"),
    ([","], "127.0.0.1"),
]
UNBELIEVED = [([], "127.0.0.1"), (["1.2.3.4"], "127.0.0.1")]


@pytest.mark.parametrize(("trusted", "cases"), [((), UNBELIEVED), (("10.0.0.0/8",), UNBELIEVED), (LOCAL, PASSED_ON)])
async def test_the_sender_is_who_the_last_trusted_proxy_heard(
    sqlite_url: str, mirror: LoadedPlugin, trusted: Sequence[str], cases: list[tuple[list[str], str]]
) -> None:
    """Only proxies that the owner names are believed, and of what they pass on only what they wrote themselves."""
    web = {"trusted_proxies": trusted}
    async with bot_kit(sqlite_url, plugins=[mirror], web=web) as kit, aiohttp.ClientSession() as session:
        url = f"{kit.url}/plugins/mirror/who/am-i"
        for named, remote in cases:
            headers = [("X-Forwarded-For", one) for one in named]
            async with session.post(url, data="a body", headers=headers) as answer:
                assert await answer.text() == f"{remote} am-i a body", named
