"""What is kept where two chats have changed the same entry at the same time.

python-telegram-bot keeps one dict in memory, and both chats change that. Here each has its own copy until its commit;
the later one brings what it changed. In a set and in a dict that is each member; of anything else it is the whole.
"""

from __future__ import annotations

from typing import Any

from astral_core.ptb.codec import encode


def merged(base: Any, mine: Any, theirs: Any) -> tuple[Any, bool]:
    """`theirs` with what changed from `base` to `mine`; and whether a change of theirs is lost by it."""
    if type(mine) is type(theirs) is type(base):
        if isinstance(mine, (set, frozenset)):
            return type(mine)((theirs | (mine - base)) - (base - mine)), False
        if isinstance(mine, dict):
            return _dicts(base, mine, theirs)
    return mine, not _same(theirs, base) and (not _same(theirs, mine) or _counts(mine))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same all the way down: Telegram's objects are equal if their ids are."""
    return type(one) is type(other) and encode(one) == encode(other)


def _counts(value: Any) -> bool:
    """Whether two that came to the same value may both have counted on."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _dicts(base: dict[Any, Any], mine: dict[Any, Any], theirs: dict[Any, Any]) -> tuple[dict[Any, Any], bool]:
    found, lost = dict(theirs), False
    for key in [*mine, *(key for key in base if key not in mine)]:
        if key in mine and key in base and _same(mine[key], base[key]):
            continue  # not changed here
        if key not in mine:
            lost |= key in theirs and not _same(theirs[key], base[key])
            found.pop(key, None)
        elif key in theirs:
            found[key], gone = merged(base.get(key), mine[key], theirs[key])
            lost |= gone
        else:
            lost |= key in base
            found[key] = mine[key]
    return found, lost
