"""Calling hooks: one implementation at a time, each with its own context and its own try.

The core never calls `pm.hook.x()`: pluggy would hand the same arguments to all implementations, stop at the first
exception, and knows nothing of coroutines. Walking `get_hookimpls()` gives each plugin its own `ctx`, and a failure
gets a name. Sync or async is part of a hook's specification; pluggy does not check it, so `register` does.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any

import pluggy

from astral_core import hookspecs
from astral_core.declare import Hook
from astral_core.errors import HookError
from astral_core.hookspecs import PROJECT
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.signatures import colour
from astral_core.observe.logs import told

Implementation = Callable[[Mapping[str, Any]], Any]
trace = logging.getLogger("astral.hooks")  # DEBUG shows every call: `astral run --trace-hooks`


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the core's hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def add_hookspecs(manager: pluggy.PluginManager, plugin: LoadedPlugin) -> None:
    """Let the manager know the hooks that `plugin` brings."""
    if plugin.declared.hookspecs:
        specs = {spec.__name__: hookspecs.hookspec(spec) for spec in plugin.declared.hookspecs}
        manager.add_hookspecs(type(plugin.id, (), specs))


def register(manager: pluggy.PluginManager, plugin: LoadedPlugin) -> None:
    """Register what `plugin` implements. HookError for the first that no hook fits: unknown name, wrong colour."""
    found: dict[str, Any] = {}
    for hook in plugin.declared.hooks:
        if hook.name in found:
            raise HookError(plugin.id, f"{_place(hook.function)}: implements {hook.name} twice.")
        _check(manager, plugin.id, hook)
        found[hook.name] = staticmethod(_implementation(hook))
    try:
        manager.register(type("Hooks", (), found)(), name=plugin.id)
    except pluggy.PluginValidationError as error:
        raise HookError(plugin.id, str(error)) from error


def _check(manager: pluggy.PluginManager, plugin: str, hook: Hook) -> None:
    spec = _spec_of(manager, hook.name)
    if spec is None:
        if hook.optional:
            return
        raise HookError(
            plugin,
            f"{_place(hook.function)}: there is no hook {hook.name!r}.",
            "see `astral hooks`; say @plugin.hook(optional=True) if another plugin brings the hook.",
        )
    if colour(hook.function) != colour(spec):
        raise HookError(
            plugin, f"{_place(hook.function)}: {hook.name} is {colour(hook.function)}, the hook is {colour(spec)}."
        )


def _implementation(hook: Hook) -> Callable[..., Any]:
    """The function with pluggy's mark, which is kept apart from the function: two plugins may share one."""
    function = hook.function
    if inspect.isroutine(function) and not hasattr(function, f"{PROJECT}_impl"):
        marked: Callable[..., Any] = hookspecs.hookimpl(optionalhook=hook.optional)(function)
        return marked
    return function


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
        if inspect.iscoroutine(result):
            return _awaited(hook, impl.plugin_name, result, began)
        trace.debug("%s of %s: %s in %.1f ms", hook, impl.plugin_name, _said(result), _ms(began))
        return result

    return call


async def _awaited(hook: str, plugin: str, coroutine: Coroutine[Any, Any, Any], began: float) -> Any:
    """The result of an async hook, which is traced when it is there."""
    try:
        result = await coroutine
    except BaseException as error:
        trace.debug("%s of %s raised %s", hook, plugin, told(error))
        raise
    trace.debug("%s of %s: %s in %.1f ms", hook, plugin, _said(result), _ms(began))
    return result


def _said(result: Any) -> str:
    """What a hook returned, in a few words: an answer may hold what people told the bot."""
    return f"{type(result).__name__} of {len(result)}" if hasattr(result, "__len__") else type(result).__name__


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
