"""How far the translations of a package are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from astral_core.languages.po import Fault, Key, key_of
from astral_core.languages.tags import SOURCE
from astral_core.texts.project import Project, Target


@dataclass(frozen=True)
class Report:
    """One package in one language. Each text is counted once, as the best that some catalogue makes of it."""

    domain: str
    language: str
    texts: int
    translated: int
    missing: int
    fuzzy: int
    broken: int
    obsolete: int
    faults: list[Fault] = field(default_factory=list)


def misplaced(project: Project) -> list[Fault]:
    """What is wrong beside single catalogues: their names, and for a bot its settings and strange files."""
    if project.spoken is not None:
        return [*project.spoken.surroundings(), *(f for t in project.targets for f in t.catalogs.misplaced())]
    return [fault for target in project.targets for fault in target.catalogs.misplaced()]


def reports(project: Project, languages: tuple[str, ...] = ()) -> Iterator[Report]:
    """For each language, or those that are named, and each package; a bot's languages are those of all packages."""
    found = {language for target in project.targets for language in target.catalogs.languages()} - {SOURCE}
    english = [SOURCE] if any(target.catalogs.files(SOURCE) for target in project.targets) else []
    for language in languages or (*english, *sorted(found)):
        for target in project.targets:
            if language != SOURCE or target.catalogs.files(SOURCE):
                yield _report(target, language)


def _report(target: Target, language: str) -> Report:
    translated, fuzzy, broken, others = set[Key](), set[Key](), set[Key](), set[Key]()
    faults, obsolete = list[Fault](), 0
    for file in target.catalogs.files(language):
        reading = file.read(language)
        faults += [*reading.faults, *reading.broken.values()]
        translated |= reading.translated
        broken |= reading.broken.keys()
        fuzzy |= {key_of(entry) for entry in reading.catalog if entry.id and entry.fuzzy}
        others |= {key_of(entry) for entry in reading.catalog if entry.id} - target.sources.keys()
        obsolete += len(reading.catalog.obsolete)
    texts = set(target.sources)
    counts = [len(texts & translated), len(texts & fuzzy - translated), len(texts & broken - translated - fuzzy)]
    missing = len(texts) if language != SOURCE else sum(counts)  # English says what is missing with the source text
    return Report(
        target.domain, language, len(texts), counts[0], missing - sum(counts), counts[1], counts[2],
        obsolete + len(others), faults,
    )  # fmt: skip
