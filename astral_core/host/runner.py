"""Calling hooks: one implementation at a time, each with its own context and its own try.

The core never calls `pm.hook.x()`: pluggy would hand the same arguments to all implementations, stop at the first
exception, and knows nothing of coroutines. Walking `get_hookimpls()` gives each plugin its own `ctx`, and a failure
gets a name. Sync or async is part of a hook's specification; pluggy does not check it, so `check_plugin` does.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import pluggy

from astral_core import hookspecs
from astral_core.errors import HookError
from astral_core.hookspecs import PROJECT
from astral_core.observe.logs import told

Implementation = Callable[[Mapping[str, Any]], Any]
trace = logging.getLogger("astral.hooks")  # DEBUG shows every call: `astral run --trace-hooks`
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


def is_hookspec(value: object) -> bool:
    """Whether this is the specification of a hook."""
    return _mark(value, SPEC_MARK) is not None


def has_hookspecs(module: ModuleType) -> bool:
    """Whether the module brings hooks of its own for other plugins."""
    return any(is_hookspec(value) for value in vars(module).values())


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
    """Calls a hook's implementations in dependency order.

    What implements what is looked up once: call `renew` when a plugin was registered or taken out.
    """

    def __init__(self, manager: pluggy.PluginManager, order: list[str]) -> None:
        self._manager = manager
        self._rank = {name: number for number, name in enumerate(order)}
        self._known: dict[str, dict[str, Implementation]] = {}

    def renew(self) -> None:
        """Forget what implements what."""
        self._known.clear()

    def implementations(self, hook: str) -> Mapping[str, Implementation]:
        """Plugin id -> function taking the spec's arguments by name, in dependency order."""
        known = self._known.get(hook)
        if known is None:
            caller = getattr(self._manager.hook, hook, None)
            found = caller.get_hookimpls() if caller is not None else []
            found = sorted(found, key=lambda impl: self._rank.get(impl.plugin_name, len(self._rank)))
            known = self._known[hook] = {impl.plugin_name: _by_argnames(hook, impl) for impl in found}
        return known

    def call(self, hook: str, plugin: str, **arguments: Any) -> Any:
        """Call one plugin's implementation; None where it has none. Async hooks return their coroutine."""
        function = self.implementations(hook).get(plugin)
        return function(arguments) if function is not None else None

    def implements(self, hook: str, plugin: str) -> bool:
        """Whether `plugin` implements `hook`."""
        return plugin in self.implementations(hook)

    def bound(self, hook: str, contexts: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
        """(plugin, call) of plugins in `contexts`, so that the caller guards each call by itself."""
        for name, function in self.implementations(hook).items():
            if name in contexts:
                yield name, partial(function, {"ctx": contexts[name]})

    def each(self, hook: str, contexts: Mapping[str, Any], **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call all implementations of plugins in `contexts`, each with its own `ctx`; errors go to the caller."""
        for name, function in self.implementations(hook).items():
            if name in contexts:
                yield name, function({"ctx": contexts[name], **arguments})


def _by_argnames(hook: str, impl: Any) -> Implementation:
    def call(arguments: Mapping[str, Any]) -> Any:
        given = {key: arguments[key] for key in impl.argnames}
        optional = {key: arguments[key] for key in getattr(impl, "kwargnames", ()) if key in arguments}
        if not trace.isEnabledFor(logging.DEBUG):
            return impl.function(**given, **optional)
        began = time.perf_counter()
        try:
            result = impl.function(**given, **optional)
        except BaseException as error:
            trace.debug("%s of %s raised %s", hook, impl.plugin_name, told(error))
            raise
        trace.debug("%s of %s: %s in %.1f ms", hook, impl.plugin_name, _said(result), _ms(began))
        return result

    return call


def _said(result: Any) -> str:
    """What a hook returned, in a few words: an answer may hold what people told the bot."""
    return f"{type(result).__name__} of {len(result)}" if hasattr(result, "__len__") else type(result).__name__


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
