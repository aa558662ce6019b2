"""`python -m astral_playground.child`: the bot of the playground. It is `astral run`, and tells what is wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from pathlib import Path

import click

from astral_core.app import App, build
from astral_core.cli.run import serve
from astral_core.config import Settings, load_settings
from astral_core.errors import AstralError
from astral_core.host.discover import discover, from_file
from astral_core.host.state import LoadedPlugin
from astral_core.known_secrets import known_secrets
from astral_core.observe.logs import configure_logging, redact
from astral_playground.blame import blame
from astral_playground.telling import Teller, described

LOOK = 0.02  # seconds between two looks at whether the bot serves


@click.command()
@click.option(
    "--plugin", "files", multiple=True, type=click.Path(path_type=Path), help="A plugin in one file; may be repeated."
)
def main(files: tuple[Path, ...]) -> None:
    """Serve the bot until a signal."""
    settings = load_settings()
    configure_logging(known_secrets(settings), as_json=settings.log_json)
    plugins = [*discover(settings.host), *(from_file(path) for path in files)]
    teller = Teller(plugins, sys.stderr)
    logging.getLogger("astral").addHandler(teller)
    try:
        code = asyncio.run(_serve(_built(settings, plugins, teller), teller))
    except AstralError as error:  # it says in words what is wrong
        teller.tell("trouble", described(error, blame(error)))
        raise SystemExit(redact(f"Error: {error}")) from None
    except Exception as error:
        teller.tell("trouble", described(error, blame(error)))
        raise
    raise SystemExit(code)


def _built(settings: Settings, plugins: list[LoadedPlugin], teller: Teller) -> App:
    app = build(settings, plugins=plugins)
    teller.tell_of_plugins()
    configure_logging(known_secrets(settings, app.host.plugin_settings.values()), as_json=settings.log_json)
    return app


async def _serve(app: App, teller: Teller) -> int:
    telling = asyncio.create_task(_tell_when_ready(app, teller))
    try:
        return await serve(app)
    finally:
        telling.cancel()


async def _tell_when_ready(app: App, teller: Teller) -> None:
    while not app.readiness.serving:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(LOOK)
    teller.tell("ready", {})


if __name__ == "__main__":
    gc.disable()  # until the bot has started: what is imported stays
    main()
