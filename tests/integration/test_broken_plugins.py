"""A plugin that fails in any phase is named with phase, reason and way out, and the others serve."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from astral_core import Context
from astral_core.host import lifespan
from astral_core.host.discover import from_file
from astral_core.host.state import LoadedPlugin, State
from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.bot import BotKit

MakePlugin = Callable[..., LoadedPlugin]
HEAD = (
    "from astral_core import Plugin, Tables, plugin_metadata\nimport asyncio, sqlalchemy as sa\nplugin = Plugin()\n"
)
TABLE = (
    "metadata = plugin_metadata('bad')\nsa.Table({name!r}, metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
)

# What stands in the plugin, the phase in which it fails, and what its owner reads.
BROKEN = {
    "import error": ("import nothing_of_that_name", "import", "No module named 'nothing_of_that_name'"),
    "syntax error": ("def (", "import", "SyntaxError"),
    "SystemExit": ("raise SystemExit(3)", "import", "SystemExit: 3"),
    "no plugin": ("del plugin", "import", "plugin"),
    "wrong colour": ("@plugin.hook\ndef astral_health(ctx): ...", "register", "is sync, the hook is async"),
    "unknown hook": ("@plugin.hook\nasync def astral_helth(ctx): ...", "register", "there is no hook 'astral_helth'"),
    "bad argument": ("@plugin.hook\nasync def astral_health(ctx, more): ...", "register", "more"),
    "bad setting": (
        "import pydantic\nclass S(pydantic.BaseModel):\n    key: int\nplugin = Plugin(settings=S)",
        "configure",
        "ASTRAL_PLUGINS__BAD__",
    ),
    "sync handler": ("@plugin.command('bad')\ndef h(ctx): ...", "declare", "must be `async def`"),
    "old handler": ("@plugin.command('bad')\nasync def h(update, ctx): ...", "import", "takes the update first"),
    "clashing command": (
        "@plugin.command('good')\nasync def h(ctx): ...",
        "conflicts",
        '[commands] "bad.good" = "bad_good"',
    ),
    "another's table": (
        f"{TABLE.format(name='good_things')}plugin = Plugin(tables=Tables(metadata, 'x'))",
        "declare",
        "must be called bad or bad_...",
    ),
    "no migrations": (
        f"{TABLE.format(name='bad')}plugin = Plugin(tables=Tables(metadata, 'no_such_package'))",
        "migrate",
        "no_such_package",
    ),
    "failing migration": (
        f"{TABLE.format(name='bad')}plugin = Plugin(tables=Tables(metadata, 'bad_migrations'))",
        "migrate",
        "nothing of them was kept",
    ),
    "hanging lifespan": (
        "@plugin.hook\nasync def astral_lifespan(ctx):\n    await asyncio.Event().wait()\n    yield",
        "lifespan",
        "took more than",
    ),
    "failing lifespan": (
        "@plugin.hook\nasync def astral_lifespan(ctx):\n    raise RuntimeError('no key')\n    yield",
        "lifespan",
        "RuntimeError: no key",
    ),
}


async def answer(ctx: Context) -> None:
    """The good plugin's command."""
    ctx.reply("all is well")


@pytest.fixture
def _migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package whose one migration fails after it has made a table."""
    folder = tmp_path / "site" / "bad_migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "versions" / "0001_first.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = 'bad_0001', None\n"
        "branch_labels = depends_on = None\n"
        "def upgrade():\n    op.create_table('bad', sa.Column('id', sa.Integer()))\n    op.execute('SELEKT 1')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(folder.parent))
    yield
    sys.modules.pop("bad_migrations", None)


@pytest.mark.usefixtures("_migrations")
@pytest.mark.parametrize("name", BROKEN)
async def test_it_is_named_and_the_others_serve(
    name: str,
    database_url: str,
    tmp_path: Path,
    make_plugin: MakePlugin,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its state, phase and reason are kept for `astral plugins`, and stand in the log with the way out."""
    body, phase, reason = BROKEN[name]
    monkeypatch.setattr(lifespan, "TIMEOUT", 0.1)
    file = tmp_path / "bad.py"
    file.write_text(HEAD + body + "\n", encoding="utf-8")
    bad, good = from_file(file), make_plugin("good", commands={"good": answer})
    lenient: dict[str, Any] = {"host": {"on_error": "quarantine", "required": ()}}
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, database_url, plugins=None, overrides=lenient)
        monkeypatch.setattr(kit, "plugins", [good, bad])
        try:
            await kit.start()
            host = kit.running.host
            failed = next(plugin for plugin in host.plugins if plugin.id == "bad")
            assert (failed.state, failed.phase) == (State.FAILED, phase)
            assert reason in failed.reason
            assert f"is failed in phase {phase}: {failed.reason}" in caplog.text
            anna = kit.user("Anna")
            await anna.send("/good")
            await anna.wait_for("all is well")
        finally:
            await kit.stop()
