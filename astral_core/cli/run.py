"""`astral run`: serve until SIGTERM or Ctrl-C, then drain; a second signal ends at once."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import click

from astral_core import descriptors
from astral_core.app import App, build
from astral_core.config import load_settings
from astral_core.host.discover import discover, from_file
from astral_core.known_secrets import known_secrets
from astral_core.observe.logs import LogThrottle, configure_logging
from astral_core.threads import PluginThreads

log = logging.getLogger("astral")
YOUNG = 25_000  # new objects after which the garbage collector looks


@click.command()
@click.option("--polling", is_flag=True, help="Fetch updates instead of receiving them; needs no public address.")
@click.option(
    "--plugin", "files", multiple=True, type=click.Path(path_type=Path), help="A plugin in one file; may be repeated."
)
@click.option("--reload", "reloading", is_flag=True, help="Start anew when a plugin's source file changes.")
@click.option("--trace-hooks", is_flag=True, help="Log every call of a hook, with its plugin, result and time.")
@click.option("--verbose", is_flag=True, help="Log debugging details.")
def run(  # click passes flags so
    polling: bool, files: tuple[Path, ...], reloading: bool, trace_hooks: bool, verbose: bool
) -> None:
    """Serve the bot."""
    settings = load_settings()
    level = logging.DEBUG if verbose else logging.INFO
    configure_logging(known_secrets(settings), as_json=settings.log_json, level=level)
    if trace_hooks:
        logging.getLogger("astral.hooks").setLevel(logging.DEBUG)
    plugins = [*discover(settings.host), *(from_file(path) for path in files)]
    if reloading:
        from astral_core.cli.reload import run_reloading  # an author's tool

        raise SystemExit(run_reloading(_again(polling, files, trace_hooks, verbose), plugins))
    app = build(settings, polling=polling, plugins=plugins)
    secrets = known_secrets(settings, app.host.plugin_settings.values())  # each plugin's own model tells more of them
    configure_logging(secrets, as_json=settings.log_json, level=level)
    _leave(asyncio.run(serve(app)))


def _leave(code: int) -> NoReturn:
    """End the process. A plugin's thread that hangs would keep it for ever: Python waits for all of them."""
    hanging = [one for one in threading.enumerate() if not one.daemon and one is not threading.current_thread()]
    if not hanging:
        raise SystemExit(code)
    log.warning("%d threads still run, such as %s; the process ends without them", len(hanging), hanging[0].name)
    logging.shutdown()
    os._exit(code)


def _again(polling: bool, files: Iterable[Path], trace_hooks: bool, verbose: bool) -> list[str]:
    """The same command line without --reload."""
    flags = {"--polling": polling, "--trace-hooks": trace_hooks, "--verbose": verbose}
    chosen = [flag for flag, wanted in flags.items() if wanted]
    return ["run", *chosen, *(part for path in files for part in ("--plugin", str(path)))]


async def serve(app: App) -> int:
    """Run `app` until a signal or the loss of the database; return the exit code."""
    descriptors.raise_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_Complaints())
    loop.set_default_executor(PluginThreads())

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)  # the second signal: at once; what was acknowledged is committed
        log.info("stopping; a second signal ends at once")
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    start = asyncio.create_task(app.__aenter__())
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait({start, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if not start.done():
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        return 0
    start.result()
    _spare_the_collector()
    lost = asyncio.create_task(app.supervisor.wait_lost())
    await asyncio.wait({signalled, lost}, return_when=asyncio.FIRST_COMPLETED)
    await app.stop()
    for task in (signalled, lost):
        task.cancel()
    return 1 if app.supervisor.lost else 0


class _Complaints:
    """The loop's exception handler: asyncio's own, but seldom about connections that it cannot accept.

    It tries again each second, and complains each time, for as long as there is no descriptor left.
    """

    def __init__(self) -> None:
        self._may_say = LogThrottle()

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or "accept" not in context["message"].lower():
            loop.default_exception_handler(context)
            return
        left_out = self._may_say()
        if left_out is not None:
            log.error(
                "no connection can be accepted (%s); %d more of these were left out of the log before. Fix: let the "
                "process open more files; `astral doctor` says how many.",
                error.strerror, left_out,
            )  # fmt: skip


def _spare_the_collector() -> None:
    """Take what was built at the start out of the garbage collector's way: it lives as long as the process does.

    And let it look less often: a busy bot has thousands of objects in flight, which end by themselves. Both together
    save a sixth of the CPU time of an update.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 5)
    gc.enable()
