"""Colours of the picture. Elements are fire, earth, air, water: a sign's index modulo four."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours.

    `sky` runs from the middle of the background outwards; `metal` from light to dark along the rings;
    `disc` is the flat ground of the ring of planets; `tint` is the opacity of the signs' coloured fields.
    """

    id: str
    sky: tuple[str, str, str]
    metal: tuple[str, str, str]
    accent: str
    ink: str
    muted: str
    faint: str
    disc: str
    core: str
    elements: tuple[str, str, str, str]
    tint: float
    conjunction: str
    sextile: str
    square: str
    trine: str
    opposition: str
    moon: str
    stars: bool

    def aspect(self, kind: str) -> str:
        """The colour of an aspect.

        Raises:
            ValueError: the kind is unknown.
        """
        colours = {
            "conjunction": self.conjunction,
            "sextile": self.sextile,
            "square": self.square,
            "trine": self.trine,
            "opposition": self.opposition,
        }
        if kind not in colours:
            raise ValueError(f"theme {self.id}: no colour for the aspect {kind!r}; known are {', '.join(colours)}")
        return colours[kind]


NIGHT = Theme(
    id="night",
    sky=("#243a78", "#121d48", "#080d26"),
    metal=("#f7e3ac", "#d6ae5e", "#8f6a2c"),
    accent="#ecc977",
    ink="#fbf5e3",
    muted="#b3bee0",
    faint="#6f7fb4",
    disc="#0e1739",
    core="#0a1130",
    elements=("#ff8e6e", "#a5d98a", "#d3c4ff", "#7cc8ff"),
    tint=0.17,
    conjunction="#f3d083",
    sextile="#62d9c0",
    square="#ff6d78",
    trine="#6fb2ff",
    opposition="#ff9c5b",
    moon="#dfe6fb",
    stars=True,
)
PAPER = Theme(
    id="paper",
    sky=("#fdf8ec", "#f7eeda", "#efe2c6"),
    metal=("#c9a45a", "#a67c33", "#7d5a20"),
    accent="#7d5616",
    ink="#2b2438",
    muted="#6b5f63",
    faint="#a8967a",
    disc="#fdf9ef",
    core="#fbf4e4",
    elements=("#a83a22", "#426c25", "#6f4192", "#1f5d8c"),
    tint=0.13,
    conjunction="#a67c33",
    sextile="#0f7868",
    square="#b82a3f",
    trine="#2f66c0",
    opposition="#b4560f",
    moon="#5c6a96",
    stars=False,
)
THEMES = MappingProxyType({theme.id: theme for theme in (NIGHT, PAPER)})
