"""What is wrong with a plugin's package: its metadata, its import, its marks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from astral_core.audit import bare
from astral_core.finding import Finding
from astral_core.host.discover import CORE_DISTRIBUTION
from astral_core.host.state import LoadedPlugin

PATIENCE = 120  # seconds that an import may take; a cold machine reads large libraries slowly
_FROM, _UP_TO = {">=", ">", "~=", "==", "==="}, {"<", "<=", "~=", "==", "==="}


def check_metadata(plugin: LoadedPlugin) -> Iterator[Finding]:
    """The range of core versions that the plugin was made for."""
    operators: set[str] | None = None
    for line in plugin.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # discovery has told
        if canonicalize_name(requirement.name) == CORE_DISTRIBUTION:
            operators = (operators or set()) | {item.operator for item in requirement.specifier}
    where = plugin.distribution
    if operators is None:
        yield Finding(
            "package-core", where, f"does not require {CORE_DISTRIBUTION}.",
            f'add "{CORE_DISTRIBUTION}>=<the oldest>,<<the next that may break it>" to its dependencies.',
        )  # fmt: skip
    elif not (operators & _FROM and operators & _UP_TO):
        bound = "no lower bound" if not operators & _FROM else "no upper bound"
        yield Finding(
            "package-core", where, f"its range of {CORE_DISTRIBUTION} has {bound}.",
            "give it both: an incompatible version is then refused before a line of the plugin runs.",
        )  # fmt: skip


def check_typed(plugin: LoadedPlugin) -> Iterator[Finding]:
    """The mark without which type checkers do not look into the package."""
    folder = package_folder(plugin)
    if folder is not None and not (folder / "py.typed").is_file():
        yield Finding(
            "package-typed", plugin.package, "has no py.typed, so that type checkers ignore its annotations.",
            f"add an empty file {plugin.package}/py.typed.", fatal=False,
        )  # fmt: skip


def check_import(plugin: LoadedPlugin) -> Iterator[Finding]:
    """Import the plugin in a process with no environment, no settings, an empty folder and no way out."""
    where = plugin.module_name
    with tempfile.TemporaryDirectory(prefix="astral-") as folder:
        report = Path(folder) / "report.json"
        (Path(folder) / "empty").mkdir()
        paths = json.dumps([path for path in sys.path if path])  # "" is this process's folder
        try:
            done = subprocess.run(  # noqa: S603  # this Python, our own script, a module name from metadata
                [sys.executable, "-I", *_bytecode(), bare.__file__, str(report), plugin.module_name, paths],
                env={}, cwd=Path(folder) / "empty", capture_output=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            yield Finding(
                "import-failed", where, f"its import was not done after {PATIENCE} s.",
                "move what it waits for into astral_lifespan.",
            )  # fmt: skip
            return
        seen = json.loads(report.read_text("utf-8")) if report.is_file() else None
    if seen is None:
        yield Finding(
            "import-failed", where, f"its import ended the process with code {done.returncode}.",
            "a module must not end its process.",
        )  # fmt: skip
        return
    yield from _judge(where, seen["error"], seen["touched"], done.stdout.decode("utf-8", "replace"))


def _bytecode() -> Iterator[str]:
    """What the environment says of bytecode, which -I makes Python forget: none beside the sources, say."""
    if sys.dont_write_bytecode:
        yield "-B"
    if sys.pycache_prefix is not None:
        yield from ("-X", f"pycache_prefix={sys.pycache_prefix}")


def package_folder(plugin: LoadedPlugin) -> Path | None:
    """The folder of the plugin's package; None for a plugin that is a single module."""
    spec = importlib.util.find_spec(plugin.package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _judge(where: str, error: str | None, touched: list[str], printed: str) -> Iterator[Finding]:
    for event in sorted(set(touched)):
        code = "import-database" if event in bare.DATABASE else "import-network"
        yield Finding(
            code, where, f"its import does {event}.", "open what the plugin needs in astral_lifespan, not at import."
        )
    if error is not None and not touched:
        yield Finding(
            "import-failed", where, f"cannot be imported without settings, token and database: {error}.",
            "let the module define things only; read settings with ctx.settings, open things in astral_lifespan.",
        )  # fmt: skip
    if printed.strip():
        first = printed.strip().splitlines()[0][:80]
        yield Finding(
            "import-prints", where, f"its import writes to stdout: {first!r}.",
            "log with ctx.log; stdout belongs to commands with --json.", fatal=False,
        )  # fmt: skip
