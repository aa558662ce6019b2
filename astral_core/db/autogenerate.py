"""What Alembic writes for an author: the next version file, and how the models differ from the migrated schema.

Both look at one plugin's tables only. The models of the core and of the plugins that it depends on stand beside its
own, so that foreign keys to them resolve; they are never part of a difference.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from alembic.autogenerate import RevisionContext, compare_metadata
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

from astral_core.db.engine import open_database
from astral_core.db.migrate import Chain, owns, upgrade
from astral_core.db.tables import NAMING
from astral_core.errors import MigrationError

_TEMPLATE = Path(__file__).with_name("template")
_NUMBER = re.compile(r"(\d+)_")


def merged(models: Iterable[MetaData]) -> MetaData:
    """One MetaData with the tables of all, in which foreign keys by name resolve."""
    together = MetaData(naming_convention=NAMING)
    for table in (table for metadata in models for table in metadata.tables.values()):
        if table.key not in together.tables:
            table.to_metadata(together)
    return together


def differences(connection: Connection, plugin: str, models: MetaData) -> list[str]:
    """How the database differs from the plugin's models, a line each; what Alembic cannot see is not among them.

    It does not compare check constraints.
    """
    context = MigrationContext.configure(connection, opts=_options(plugin))
    return [line for found in compare_metadata(context, models) for line in _lines(found)]


async def write_revision(chains: Sequence[Chain], models: MetaData, message: str, *, empty: bool) -> Path | None:
    """Write the next version file of the last of `chains`; None where its models have not changed.

    The chains before it are those of the core and of its dependencies. They are run in a scratch database, and the
    plugin's models are compared with what its own migrations make there. `empty` asks for a file without steps.
    """
    own = chains[-1]
    folder = _version_folder(own)
    try:
        script, number = _script(own, folder)
        revision = RevisionContext(
            Config(),
            script,
            {
                "message": _one_line(message), "autogenerate": not empty, "sql": False, "head": "head",
                "splice": False, "branch_label": None, "version_path": str(folder),
                "rev_id": f"{own.plugin}_{number:04}", "depends_on": None,
            },
        )  # fmt: skip
        if not empty and not await _compare(chains, script, models, revision):
            return None
        (made,) = revision.generate_scripts()
    except CommandError as error:
        raise MigrationError(f"plugin {own.plugin!r}: {error} Fix: mend {folder}.") from error
    return Path(made.path) if made is not None else None


async def _compare(
    chains: Sequence[Chain], script: ScriptDirectory, models: MetaData, revision: RevisionContext
) -> bool:
    """Let `revision` find out what the models have that the migrations do not; whether there is anything."""

    def found(rev: Any, context: MigrationContext) -> list[Any]:
        revision.run_autogenerate(rev, context)
        return []

    def look(connection: Connection) -> None:
        with EnvironmentContext(Config(), script, fn=found) as environment:
            environment.configure(
                connection=connection, target_metadata=models, version_table=chains[-1].version_table,
                render_as_batch=True, render_item=_render, **_options(chains[-1].plugin),
            )  # fmt: skip
            environment.run_migrations()

    with tempfile.TemporaryDirectory(prefix="astral-") as scratch:
        database = open_database(f"sqlite+aiosqlite:///{scratch}/scratch.db", pool_size=2)
        try:
            await upgrade(database, chains)
            async with database.engine.connect() as connection:
                await connection.run_sync(look)
        finally:
            await database.dispose()
    steps = revision.generated_revisions[-1].upgrade_ops
    return steps is not None and not steps.is_empty()


def _options(plugin: str) -> dict[str, Any]:
    version_table = Chain(plugin, "").version_table

    def named(name: str | None, kind: str, parents: Any) -> bool:
        del parents
        return kind != "table" or (owns(plugin, name or "") and name != version_table)

    def declared(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:
        del item, reflected, other
        return kind != "table" or owns(plugin, name or "")

    return {
        "include_name": named, "include_object": declared, "compare_type": True, "compare_server_default": True,
    }  # fmt: skip


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """A column's type as a migration writes it: portable, and free of code that may change after it."""
    if kind != "type" or not isinstance(item, TypeEngine):
        return False
    while isinstance(item, TypeDecorator):  # UtcDateTime and its like: what they are in the database
        item = item.impl
    module = type(item).__module__
    if module.startswith("sqlalchemy.sql"):
        return False if item._variant_mapping else f"sa.{item!r}"  # noqa: SLF001  # Alembic writes the variants
    if module.startswith("sqlalchemy."):
        return False
    context.imports.add(f"import {module}")
    return f"{module}.{item!r}"


def _script(chain: Chain, folder: Path) -> tuple[ScriptDirectory, int]:
    """Alembic's view of the version files with the core's template for the next one, and that one's number."""
    numbers = [int(match[1]) for file in folder.glob("*.py") if (match := _NUMBER.match(file.name))]
    number = max(numbers, default=0) + 1
    script = ScriptDirectory(
        str(_TEMPLATE),
        file_template=f"{number:04}_%(slug)s",
        version_locations=[str(path) for path in chain.folders],
        messaging_opts={"quiet": True},
    )
    return script, number


def _one_line(message: str) -> str:
    """The message as it may stand in a docstring."""
    return " ".join(message.replace("\\", "/").replace('"', "'").split()).rstrip(".")


def _version_folder(chain: Chain) -> Path:
    """Where the version files of a plugin's own source lie; made, with its package, for a first revision."""
    try:
        package = importlib.import_module(chain.package)
    except ModuleNotFoundError as error:
        package = _make_package(chain, error)
    if not hasattr(package, "__path__"):
        raise _no_package(chain)
    folder = Path(package.__path__[0]) / "versions"
    _refuse_installed(chain, folder)
    folder.mkdir(exist_ok=True)
    return folder


def _make_package(chain: Chain, error: ModuleNotFoundError) -> ModuleType:
    parent, _, name = chain.package.rpartition(".")
    spec = importlib.util.find_spec(parent) if parent and error.name == chain.package else None
    if spec is None or not spec.submodule_search_locations:
        raise _no_package(chain) from error
    folder = Path(next(iter(spec.submodule_search_locations))) / name
    _refuse_installed(chain, folder)
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text(f'"""Migrations of {chain.plugin}."""\n', encoding="utf-8")
    importlib.invalidate_caches()
    return importlib.import_module(chain.package)


def _no_package(chain: Chain) -> MigrationError:
    return MigrationError(
        f"plugin {chain.plugin!r}: its migrations {chain.package!r} lie in no package. Fix: make the plugin a "
        'package, a folder with __init__.py, or name it: Tables(metadata, "<package>.migrations").'
    )


def _refuse_installed(chain: Chain, folder: Path) -> None:
    paths = sysconfig.get_paths()
    if any(folder.resolve().is_relative_to(Path(paths[key]).resolve()) for key in ("purelib", "platlib")):
        raise MigrationError(
            f"plugin {chain.plugin!r}: {folder} is an installed copy, not its source; the next installation would "
            "delete the file. Fix: install the source as editable (pip install -e <folder of its pyproject.toml>)."
        )


def _lines(found: Any) -> list[str]:
    """Alembic's record of a difference in words; changes of one column come as a list."""
    if isinstance(found, list):
        return [f"{kind} {table}.{column}: {old!r} -> {new!r}" for kind, _, table, column, _, old, new in found]
    kind, *parts = found
    item = parts[-1]
    name = str(getattr(item, "name", None) or item)
    if kind in ("add_column", "remove_column"):
        return [f"{kind} {parts[1]}.{name}"]
    table = getattr(item, "table", None)
    return [f"{kind} {name}" + (f" on {table.name}" if table is not None and kind.find("table") < 0 else "")]
