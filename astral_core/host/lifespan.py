"""Plugins' lifespans: opened in dependency order, each with its own time limit, closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from astral_core.errors import HookError, PluginLoadError
from astral_core.host.discover import quarantine_dependents
from astral_core.host.host import Host
from astral_core.host.state import LoadedPlugin, State
from astral_core.kinds.raw import Foreign, Raws

log = logging.getLogger("astral.host")
WARNING = 5.0  # seconds after which the log says who is waited for
TIMEOUT = 30.0


async def start_plugins(host: Host, stack: contextlib.AsyncExitStack) -> None:
    """Open every living plugin, and let `stack` close it. One that fails is set aside, with those that need it."""
    for plugin in host.alive:
        if not plugin.alive:
            continue  # it needs one whose lifespan failed a moment ago
        try:
            await _open(plugin, host, stack)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # one failure does not stop the others
            plugin.fail("lifespan", error)
            quarantine_dependents(host.plugins)


async def _open(plugin: LoadedPlugin, host: Host, stack: contextlib.AsyncExitStack) -> None:
    generator = host.runner.call("astral_lifespan", plugin.id, ctx=host.contexts[plugin.id])
    if generator is not None:
        late = asyncio.get_running_loop().call_later(WARNING, _waits, plugin)
        try:
            async with asyncio.timeout(TIMEOUT):
                await anext(generator)
        except TimeoutError:
            raise PluginLoadError(
                plugin.id,
                f"astral_lifespan took more than {TIMEOUT:g} s before its yield.",
                "do slow work in a background task, or in ctx.warm.",
            ) from None
        except StopAsyncIteration:
            raise HookError(plugin.id, "astral_lifespan ended without its one `yield`.") from None
        finally:
            late.cancel()
        stack.push_async_callback(_close, plugin, generator)
    foreign = host.registry.of(Raws).bots.get(plugin.id)
    if foreign is not None:
        await _open_foreign(plugin, foreign, stack)
    plugin.state = State.ACTIVE


async def _open_foreign(plugin: LoadedPlugin, foreign: Foreign, stack: contextlib.AsyncExitStack) -> None:
    """Open the plugin's bot of python-telegram-bot: its `post_init`, in the time that a lifespan has."""
    try:
        async with asyncio.timeout(TIMEOUT):
            await foreign.open()
    except TimeoutError:
        raise PluginLoadError(
            plugin.id, f"post_init took more than {TIMEOUT:g} s.", "do slow work in a job: job_queue.run_once."
        ) from None

    async def close() -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                await foreign.close()
        except (Exception, SystemExit):
            log.exception("plugin %r failed in its post_shutdown", plugin.id)

    stack.push_async_callback(close)


def _waits(plugin: LoadedPlugin) -> None:
    log.warning("plugin %r has been in astral_lifespan for %g s; it may take %g s", plugin.id, WARNING, TIMEOUT)


async def _close(plugin: LoadedPlugin, generator: AsyncIterator[None]) -> None:
    plugin.state = State.LOADED  # its web routes answer 503 from here on
    try:
        async with asyncio.timeout(TIMEOUT):
            await anext(generator, None)
    except (Exception, SystemExit):
        log.exception("plugin %r failed while it was closed", plugin.id)
