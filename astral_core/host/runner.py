"""Calling hooks: one implementation at a time, each with its own context and its own try.

The core never calls `pm.hook.x()`: pluggy would hand the same arguments to all implementations, stop at the first
exception, and knows nothing of coroutines. Walking `get_hookimpls()` gives each plugin its own `ctx`, and a failure
gets a name. Sync or async is part of a hook's specification; pluggy does not check it, so `check_plugin` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import pluggy

from astral_core import hookspecs
from astral_core.errors import HookError
from astral_core.hookspecs import PROJECT

IMPL_MARK = f"{PROJECT}_impl"
SPEC_MARK = f"{PROJECT}_spec"


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the core's hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def colour(function: Callable[..., Any]) -> str:
    """How a hook is to be called: "sync", "async" or "async generator"."""
    target = inspect.unwrap(function)
    if inspect.isasyncgenfunction(target):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(target) else "sync"


def has_hookspecs(module: ModuleType) -> bool:
    """Whether the module brings hooks of its own for other plugins."""
    return any(isinstance(_mark(value, SPEC_MARK), dict) for value in vars(module).values())


def check_plugin(manager: pluggy.PluginManager, name: str, module: ModuleType) -> None:
    """Raise HookError for the first implementation that no hook fits: unknown name, wrong colour, a wrapper."""
    for attribute, function in inspect.getmembers(module, callable):
        options = _mark(function, IMPL_MARK)
        if options is None:
            continue
        if options.get("wrapper") or options.get("hookwrapper"):
            raise HookError(
                name, f"{_place(function)}: hook wrappers are not allowed; they would run for other plugins."
            )
        spec = _spec_of(manager, options.get("specname") or attribute)
        if spec is None:
            if options.get("optionalhook"):
                continue
            raise HookError(
                name,
                f"{_place(function)}: there is no hook {attribute!r}.",
                "see `astral hooks`; mark it @hookimpl(optionalhook=True) if another plugin brings the hook.",
            )
        if colour(function) != colour(spec):
            raise HookError(
                name, f"{_place(function)}: {attribute} is {colour(function)}, the hook is {colour(spec)}."
            )


def _mark(value: object, name: str) -> dict[str, Any] | None:
    """What pluggy's marker left; objects such as `sqlalchemy.func` answer to any attribute, and are none."""
    found = getattr(value, name, None) if inspect.isroutine(value) else None
    return found if isinstance(found, dict) else None


def _spec_of(manager: pluggy.PluginManager, hook: str) -> Callable[..., Any] | None:
    caller = getattr(manager.hook, hook, None)
    if caller is None or caller.spec is None:
        return None
    function: Callable[..., Any] = caller.spec.function
    return function


def _place(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


class HookRunner:
    """Calls a hook's implementations in dependency order."""

    def __init__(self, manager: pluggy.PluginManager, order: list[str]) -> None:
        self._manager = manager
        self._rank = {name: number for number, name in enumerate(order)}

    def implementations(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        """(plugin id, function taking the spec's arguments by keyword) in dependency order."""
        caller = getattr(self._manager.hook, hook, None)
        if caller is None:
            return []
        found = [(impl.plugin_name, _by_argnames(impl)) for impl in caller.get_hookimpls()]
        return sorted(found, key=lambda item: self._rank.get(item[0], len(self._rank)))

    def call(self, hook: str, plugin: str, **arguments: Any) -> Any:
        """Call one plugin's implementation; None where it has none. Async hooks return their coroutine."""
        for name, function in self.implementations(hook):
            if name == plugin:
                return function(arguments)
        return None

    def implements(self, hook: str, plugin: str) -> bool:
        """Whether `plugin` implements `hook`."""
        return any(name == plugin for name, _ in self.implementations(hook))

    def bound(self, hook: str, contexts: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
        """(plugin, call) of plugins in `contexts`, so that the caller guards each call by itself."""
        for name, function in self.implementations(hook):
            if name in contexts:
                yield name, partial(function, {"ctx": contexts[name]})

    def each(self, hook: str, contexts: Mapping[str, Any], **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call all implementations of plugins in `contexts`, each with its own `ctx`; errors go to the caller."""
        for name, function in self.implementations(hook):
            if name in contexts:
                yield name, function({"ctx": contexts[name], **arguments})


def _by_argnames(impl: Any) -> Callable[[Mapping[str, Any]], Any]:
    def call(arguments: Mapping[str, Any]) -> Any:
        given = {key: arguments[key] for key in impl.argnames}
        optional = {key: arguments[key] for key in getattr(impl, "kwargnames", ()) if key in arguments}
        return impl.function(**given, **optional)

    return call
