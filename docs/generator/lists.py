"""The pages that are one table each: metrics, errors, findings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from astral_core import errors
from astral_core.errors import AstralError
from astral_core.kinds import KINDS, Kind
from astral_core.kinds.update import Updates
from astral_core.observe.metrics import Metrics
from generator.text import code, page, sentence, table

MANY = 5  # kinds of update that a table can name


def metrics() -> str:
    """Every metric of the core, from its registry."""
    rows = []
    for metric in (item for item in vars(Metrics()).values() if isinstance(item, MetricWrapperBase)):
        (family,) = metric.describe()
        name = f"{family.name}_total" if isinstance(metric, Counter) else family.name
        labels = ", ".join(code(label) for label in metric._labelnames)  # noqa: SLF001  # the library tells them nowhere
        rows.append([code(name), family.type, labels, sentence(family.documentation)])
    intro = (
        "`GET /metrics` is for this machine alone, or for those who have the bearer token `web.metrics_token`. Times "
        "are in seconds; a histogram is the series `_bucket`, `_sum` and `_count`. No label holds a chat or a user."
    )
    return page("Metrics", intro, table(["metric", "type", "labels", "meaning"], rows))


def kinds(known: Iterable[type[Kind]] = KINDS) -> str:
    """Every kind of declaration, in the order in which the router asks those that take updates."""
    rows = [
        [
            code(kind.name),
            sentence(inspect.getdoc(kind.declares) or ""),
            _updates(kind),
            sentence(inspect.getdoc(kind) or ""),
        ]
        for kind in known
    ]
    intro = (
        "What plugins declare, by kind. An update goes to the first kind that has a route for it, from the top down; "
        "`astral routes` shows the declarations of your bot in the same order. A kind is one module of "
        "`astral_core/kinds`; one of your own is a `Kind` and a declaration that names it, given to `Routes.add`."
    )
    return page("Kinds of route", intro, table(["kind", "what it declares", "updates", "how one is found"], rows))


def _said(documented: type) -> str:
    return sentence(inspect.getdoc(documented) or "")


def _updates(kind: type[Kind]) -> str:
    if len(kind.updates) > MANY:
        return "all that have no kind of their own" if kind is Updates else "nearly all"
    return ", ".join(code(name) for name in sorted(kind.updates)) or "none"


def error_classes() -> str:
    """Every error, in its tree."""
    rows = [
        [f"{'&emsp;' * depth}{code(kind.__name__)}", sentence(inspect.getdoc(kind) or "")]
        for kind, depth in _descend(AstralError, 0)
    ]
    intro = (
        "Everything that Astral raises on purpose, importable from `astral_core.errors`; an indented one is a kind "
        "of the one above. A message says who, what, where, and how to fix it; none holds a secret."
    )
    return page("Errors", intro, table(["error", "meaning"], rows))


def _descend(kind: type[AstralError], depth: int) -> Iterator[tuple[type[AstralError], int]]:
    yield kind, depth
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield from _descend(inner, depth + 1)


def findings() -> str:
    """Every code that the doctor and the audit of plugins can give."""
    intro = "The codes stay the same from version to version; the texts of findings may become clearer."
    blocks = []
    for module, who in (("astral_core.doctor", "astral doctor"), ("astral_core.audit", "astral plugins check")):
        known: Mapping[str, str] = getattr(importlib.import_module(module), "CODES", {})
        rows = [[code(name), sentence(meaning)] for name, meaning in known.items()]
        blocks += [f"## {who}", table(["code", "meaning"], rows)] if rows else []
    return page("Findings", intro, *blocks)
